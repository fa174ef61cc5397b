//! A catalog whose answers and requests get lost on request, as over a bad network.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use contrail_lake::{CatalogError, CommitError, Loaded, Proposal, SqliteCatalog, TableCatalog};
use iceberg::{TableCreation, TableIdent};

/// What happens to one commit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Nothing.
    None,
    /// It lands, and nobody hears of it.
    Answer,
    /// It never arrives.
    Request,
}

/// What happens to the next commits, one after the other; shared by all processes of a world.
pub type Losses = Arc<Mutex<VecDeque<Loss>>>;

#[derive(Debug)]
pub struct Faulty {
    pub inner: SqliteCatalog,
    pub losses: Losses,
}

#[async_trait]
impl TableCatalog for Faulty {
    async fn tables(&self, namespace: &str) -> Result<Vec<String>, CatalogError> {
        self.inner.tables(namespace).await
    }

    async fn create(&self, table: &TableIdent, creation: TableCreation) -> Result<Loaded, CatalogError> {
        self.inner.create(table, creation).await
    }

    async fn load(&self, table: &TableIdent, known: Option<&Loaded>) -> Result<Loaded, CatalogError> {
        self.inner.load(table, known).await
    }

    async fn commit(&self, table: &TableIdent, base: &Loaded, proposal: Proposal) -> Result<Loaded, CommitError> {
        let loss = self.losses.lock().unwrap().pop_front().unwrap_or(Loss::None);
        if loss == Loss::Request {
            return Err(CommitError::Unknown("connection reset".into()));
        }
        let landed = self.inner.commit(table, base, proposal).await?;
        if loss == Loss::Answer { Err(CommitError::Unknown("connection reset".into())) } else { Ok(landed) }
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<(), CatalogError> {
        self.inner.drop_table(table).await
    }

    fn is_final(&self) -> bool {
        self.losses.lock().unwrap().is_empty()
    }
}
