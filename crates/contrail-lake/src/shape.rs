//! What a table's rows look like at one moment: its definition, and the columns that it has gained beyond it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use contrail_types::TableDef;
use iceberg::spec::TableMetadata;

use crate::error::LakeError;
use crate::schema;
use crate::version::ColumnIds;

/// Whether a table may have columns that its definition lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grows {
    /// They are differences: whoever added them knew more than this program does.
    Never,
    /// Optional ones of plain types are kept and written.
    Optional,
}

/// The columns of a table under one of its schemas. Files that were written under an older shape stay valid: a column
/// that they lack is null.
#[derive(Debug)]
pub struct TableShape {
    schema_id: i32,
    def: TableDef,
    arrow: SchemaRef,
    pub(crate) columns: ColumnIds,
}

impl TableShape {
    pub(crate) fn of(def: &TableDef, grows: Grows, metadata: &TableMetadata) -> Result<Self, LakeError> {
        let gained = schema::gained(def, grows, metadata)?;
        let current = metadata.current_schema();
        let columns = current.as_struct().fields().iter().map(|field| (field.name.clone(), field.id)).collect();
        let def = TableDef { gained, ..def.clone() };
        Ok(Self { schema_id: current.schema_id(), arrow: def.arrow_schema(), def, columns: Arc::new(columns) })
    }

    /// The id of the table's schema; two shapes of a table with one id are the same.
    pub fn schema_id(&self) -> i32 {
        self.schema_id
    }

    /// The definition, with the gained columns.
    pub fn def(&self) -> &TableDef {
        &self.def
    }

    /// The Arrow schema of rows, with field ids.
    pub fn schema(&self) -> &SchemaRef {
        &self.arrow
    }

    /// Whether rows look alike under both.
    pub fn same(&self, other: &Self) -> bool {
        self.schema_id == other.schema_id && self.def.gained.len() == other.def.gained.len()
    }

    /// This shape without the gained columns: rows written under it have null there.
    pub fn plain(&self) -> Self {
        let def = TableDef { gained: Vec::new(), ..self.def.clone() };
        Self { schema_id: self.schema_id, arrow: def.arrow_schema(), def, columns: self.columns.clone() }
    }
}
