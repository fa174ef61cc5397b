//! The lake's tables for statements that users write: which there are, and which files hold their rows now.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use async_trait::async_trait;
use contrail_flow::build::{fold, input};
use contrail_lake::{At, LakeTable, LiveFile};
use contrail_model::query::{Plan, Span, Tables};
use contrail_model::{Engine, Input, Kind, Model};
use contrail_serve::LiveSky;
use contrail_serve::live::StateFilter;
use contrail_types::time::HOUR;
use contrail_types::{Column, Micros, TableDef, state};

use crate::line::House;

/// Hours of `states` that the view of now reads where there is no live sky.
const RECENT: i32 = 1;

/// [`Tables`] over the lake; `live` where there is a live sky.
pub struct LakeTables {
    pub house: House,
    pub engine: Engine,
    pub live: Option<LiveSky>,
}

#[async_trait]
impl Tables for LakeTables {
    fn names(&self) -> Vec<TableDef> {
        let models = self.house.project.models.iter().map(|model| model.def.clone());
        let raw = [self.house.raw(), self.house.dead()].into_iter().flatten().map(|table| table.shape().def().clone());
        raw.chain(models).collect()
    }

    async fn plan(&self, name: &str, at: Option<&str>, spans: &[Span]) -> Result<Plan, String> {
        let view = self.house.project.get(name).filter(|model| model.kind == Kind::View);
        let plan = match (view, at) {
            (Some(_), Some(_)) => return Err(format!("{name} shows the sky of now; look into states as it was")),
            (None, Some(at)) => self.as_it_was(name, &At::parse(at), spans).await,
            (Some(view), None) => self.view(view).await.map(|rows| Plan::of(Input::batch(rows))),
            (None, None) => self.stored(name, spans).await,
        };
        plan.map_err(|error| format!("{error:#}"))
    }
}

impl LakeTables {
    async fn stored(&self, name: &str, spans: &[Span]) -> Result<Plan> {
        if let Some((table, memory)) = self.house.fresh.get(name) {
            let wanted = Wanted::new(&table, spans);
            let input = fold::rows(&table, &memory, |hour| wanted.has_hour(hour)).await?;
            return Ok(Plan { shown: Some(table.shape().shown()), ..Plan::of(input) });
        }
        let table = self.house.table(name).await?;
        let version = table.load().await?;
        if version.has_foreign_deletes() {
            bail!("{name} holds row-level deletes of another engine; compact it there first");
        }
        let wanted = Wanted::new(&table, spans);
        let input = input(&table, version.live_files().filter(|file| wanted.may_be_in(file))).await?;
        Ok(Plan { shown: Some(table.shape().shown()), ..Plan::of(input) })
    }

    async fn as_it_was(&self, name: &str, at: &At, spans: &[Span]) -> Result<Plan> {
        let table = self.house.table(name).await?;
        let version = table.load_at(at).await?;
        if version.has_foreign_deletes() {
            bail!("{name} held row-level deletes of another engine then; choose another version");
        }
        let wanted = Wanted::new(&table, spans);
        let input = input(&table, version.live_files().filter(|file| wanted.may_be_in(file))).await?;
        Ok(Plan { shown: Some(table.shape().shown()), ..Plan::of(input) })
    }

    /// A view's rows: the models it reads, down to the sky as it is now.
    async fn view(&self, view: &Model) -> Result<RecordBatch> {
        let mut inputs = Vec::new();
        for name in &view.inputs {
            let input = match self.house.project.get(name) {
                Some(model) if model.kind == Kind::View => Input::batch(Box::pin(self.view(model)).await?),
                Some(model) if model.kind == Kind::Append => self.recent(model).await?,
                _ => self.stored(name, &[]).await?.input,
            };
            inputs.push((name.clone(), input));
        }
        let (engine, view) = (self.engine.clone(), view.clone());
        let run = tokio::task::spawn_blocking(move || {
            let inputs: Vec<(&str, Input)> = inputs.iter().map(|(n, input)| (n.as_str(), input.clone())).collect();
            engine.run(&view, &inputs)
        });
        Ok(run.await??)
    }

    /// The newest rows of `states`: the live sky's where there is one, else the newest hours of the lake.
    async fn recent(&self, states: &Model) -> Result<Input> {
        if let Some(live) = &self.live {
            let (live, engine, states) = (live.clone(), self.engine.clone(), states.clone());
            let run = tokio::task::spawn_blocking(move || {
                let raw = as_raw(&live.states(&StateFilter::default()))?;
                Ok::<_, anyhow::Error>(engine.run(&states, &[(state::STATES_RAW, Input::batch(raw))])?)
            });
            return Ok(Input::batch(run.await??));
        }
        let table = self.house.table(&states.name).await?;
        let version = table.load().await?;
        let newest = version.live_files().filter_map(|f| f.partition).max().context("nothing has been built yet")?;
        let files = version.live_files().filter(|f| f.partition.is_some_and(|p| p >= newest - RECENT));
        Ok(input(&table, files).await?)
    }
}

/// The times that a statement asks for, by what this program calls the columns.
struct Wanted {
    spans: Vec<(String, Micros, Micros)>,
    /// The column by whose hours rows are partitioned.
    time: Option<String>,
}

impl Wanted {
    fn new(table: &LakeTable, spans: &[Span]) -> Self {
        let shape = table.shape();
        let (shown, def) = (shape.shown(), shape.def());
        let own = |span: &Span| {
            let named =
                |(column, id): (&Column, Option<i32>)| (column.name.to_lowercase() == span.column).then_some(id?);
            let id = shown.all_columns().find_map(named)?;
            let (column, _) = def.all_columns().find(|(_, own)| *own == Some(id))?;
            let is_time = matches!(column.data_type, DataType::Timestamp(..));
            is_time.then(|| (column.name.clone(), span.first, span.last))
        };
        Self {
            spans: spans.iter().filter_map(own).collect(),
            time: def.partition.as_ref().map(|(column, _)| column.clone()),
        }
    }

    fn may_be_in(&self, file: &LiveFile) -> bool {
        let overlaps = |(column, first, last): &(String, Micros, Micros)| {
            file.bounds(column).is_none_or(|(low, high)| low <= *last && *first <= high)
        };
        file.records > 0 && self.spans.iter().all(overlaps)
    }

    /// Of a table whose rows have an hour as their time.
    fn has_hour(&self, hour: Micros) -> bool {
        self.spans
            .iter()
            .all(|(column, first, last)| Some(column) != self.time.as_ref() || (*first < hour + HOUR && hour <= *last))
    }
}

/// States of the live sky as rows of the raw table; their offsets are not known any more.
fn as_raw(states: &RecordBatch) -> Result<RecordBatch> {
    let rows = states.num_rows();
    let mut columns = states.columns().to_vec();
    columns.push(Arc::new(StringArray::from_iter_values((0..rows).map(|_| "live"))) as ArrayRef);
    columns.push(Arc::new(Int32Array::from(vec![0; rows])));
    columns.push(Arc::new(Int64Array::from_iter_values(0..rows as i64)));
    Ok(RecordBatch::try_new(state::raw_table().arrow_schema(), columns)?)
}
