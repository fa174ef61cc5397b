//! The lake's tables for statements that users write: which there are, and which files hold their rows now.

use async_trait::async_trait;
use contrail_flow::build::fold;
use contrail_model::query::{Plan, Tables};
use contrail_model::{Input, Kind};
use contrail_serve::LiveSky;
use contrail_serve::live::StateFilter;
use contrail_types::{TableDef, state};

use crate::line::House;

/// [`Tables`] over the lake; `live` where there is a live sky.
pub struct LakeTables {
    pub house: House,
    pub live: Option<LiveSky>,
}

#[async_trait]
impl Tables for LakeTables {
    fn names(&self) -> Vec<TableDef> {
        let models = self.house.project.models.iter().map(|model| model.def.clone());
        [state::raw_table(), state::dead_letters_table()].into_iter().chain(models).collect()
    }

    async fn plan(&self, name: &str) -> Result<Plan, String> {
        let say = |error: &dyn std::error::Error| contrail_kit::class::chain(error);
        if let Some((table, memory)) = self.house.fresh.get(name) {
            let input = fold::rows(&table, &memory, |_| true).await.map_err(|e| say(&e))?;
            let pin = table.pin(input.files.iter().map(|path| path.display().to_string()));
            return Ok(Plan { input, pin: Box::new(pin) });
        }
        if self.house.project.get(name).is_some_and(|model| model.kind == Kind::View) {
            let live = self.live.as_ref().map(|live| live.states(&StateFilter::default()));
            return Ok(Plan { input: Input::batches(live.into_iter().collect()), pin: Box::new(()) });
        }
        let table = self.house.table(name).await.map_err(|e| e.to_string())?;
        let version = table.load().await.map_err(|e| say(&e))?;
        if version.has_foreign_deletes() {
            return Err(format!("{name} holds row-level deletes of another engine; compact it there first"));
        }
        let paths: Vec<String> = version.live_files().filter(|f| f.records > 0).map(|f| f.path.clone()).collect();
        let pin = table.pin(paths.iter().cloned());
        Ok(Plan { input: Input::files(paths.into_iter().map(Into::into).collect()), pin: Box::new(pin) })
    }
}
