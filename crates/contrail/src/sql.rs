//! `contrail sql`: one statement, asked of the node that runs on the folder, else of the lake itself.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::json::writer::JsonArray;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use contrail_kit::{Classified, Who};
use contrail_model::query::Limits;
use parquet::arrow::ArrowWriter;

use crate::cli::{Format, Sql};
use crate::client::Node;
use crate::config::Config;
use crate::exit::Usage;
use crate::line::House;
use crate::up::query_service;

pub async fn run(config: Config, asked: Sql, json: bool) -> Result<()> {
    let mut statement = asked.statement.clone();
    if statement == "-" {
        statement.clear();
        io::stdin().read_to_string(&mut statement).context("cannot read the statement from standard input")?;
    }
    let (schema, batches) = match Node::find(&config.data_dir).await {
        Some(node) => {
            let bytes = node.sql(&statement, asked.limit, asked.as_of.as_deref()).await?.bytes().await?;
            let reader = StreamReader::try_new(io::Cursor::new(bytes), None)?;
            (reader.schema(), reader.collect::<Result<Vec<_>, _>>()?)
        }
        None => own(config, &statement, &asked).await?,
    };
    let out: Box<dyn Write + Send> = match &asked.output {
        Some(path) => Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?),
        None => Box::new(io::stdout()),
    };
    let format = if json && asked.format == Format::Table { Format::Json } else { asked.format };
    write(out, format, &schema, &batches)
}

/// Without a node: the lake is opened for this one statement.
async fn own(config: Config, statement: &str, asked: &Sql) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let limit = asked.limit;
    let limits = Limits { rows: limit as u64, time: config.query.timeout, ..Limits::default() };
    let house = House::visit(Arc::new(config)).await?;
    let service = query_service(&house, house.engine()?, None);
    let answer = service.query_at(statement, asked.as_of.as_deref(), limits).await;
    let mut rows = answer.map_err(|error| match error.class().who {
        Who::User => Usage(error.to_string()).into(),
        _ => anyhow::Error::from(error),
    })?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await? {
        batches.push(batch);
    }
    if rows.summary().truncated {
        eprintln!("contrail: only the first {limit} rows; ask for more with --limit");
    }
    let schema = rows.schema();
    service.stop().await;
    Ok((schema, batches))
}

/// Lists and structures as text, `[1, 2]`: a CSV file has no columns for what is inside.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, column)| {
        let column: ArrayRef = match column.data_type().is_nested() {
            true => {
                let text = ArrayFormatter::try_new(column, &FormatOptions::new())?;
                let shown = |row| column.is_valid(row).then(|| text.value(row).to_string());
                Arc::new((0..column.len()).map(shown).collect::<StringArray>())
            }
            false => column.clone(),
        };
        Ok((field.name().clone(), column, true))
    });
    Ok(RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>>>()?)?)
}

fn write(mut out: Box<dyn Write + Send>, format: Format, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<()> {
    match format {
        Format::Table => writeln!(out, "{}", arrow::util::pretty::pretty_format_batches(batches)?)?,
        Format::Json => {
            // A row has all its columns, also where a value is missing.
            let rows = arrow::json::WriterBuilder::new().with_explicit_nulls(true);
            let mut writer = rows.build::<_, JsonArray>(&mut out);
            writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
            writer.finish()?;
            writeln!(out)?;
        }
        Format::Csv => {
            let mut writer = arrow::csv::Writer::new(&mut out);
            for batch in batches {
                writer.write(&flat(batch)?)?;
            }
        }
        Format::Parquet => {
            let mut writer = ArrowWriter::try_new(out, schema.clone(), None)?;
            for batch in batches {
                writer.write(batch)?;
            }
            writer.close()?;
            return Ok(());
        }
        Format::Arrow => {
            let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut out, schema)?;
            for batch in batches {
                writer.write(batch)?;
            }
            writer.finish()?;
        }
    }
    Ok(out.flush()?)
}
