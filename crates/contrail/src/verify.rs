//! `contrail verify`: the promises of exactly once and of equal to the definition, proved on the user's own data.

use std::sync::Arc;

use anyhow::{Result, bail};
use contrail_flow::build::BuildError;
use contrail_flow::verify::{self, Finding};
use contrail_lake::{FilesError, LakeError};
use contrail_model::EngineError;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;
use crate::line::House;

pub async fn run(config: Config, json: bool) -> Result<()> {
    let house = House::visit(Arc::new(config)).await?;
    let engine = house.engine()?;
    let raw = house.raw()?;
    let mut findings = or_damaged(raw.name(), verify::offsets(raw, house.dead()?, &engine).await)?;
    for model in verify::provable(&house.project) {
        let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("{prefix} {bar:30} {pos} of {len}")?);
        bar.set_prefix(model.name.clone());
        let table = house.table(&model.name).await?;
        let mut inputs = Vec::new();
        for name in &model.inputs {
            inputs.push(house.table(name).await?);
        }
        let finding = verify::derived(model, &table, &inputs, &engine, |done, of| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        });
        findings.extend(or_damaged(&model.name, finding.await.map(|finding| vec![finding]))?);
        bar.finish_and_clear();
    }
    for table in house.tables().await? {
        match house.table(&table).await?.fsck().await {
            Ok(found) if found.missing.is_empty() => {}
            Ok(found) => {
                let (count, first) = (found.missing.len(), &found.missing[0]);
                let text = format!("{count} files are gone, the first is {first}: `contrail tables repair {table}`");
                findings.push(Finding { table, ok: false, text });
            }
            Err(error) => findings.extend(or_damaged(&table, Err(error.into()))?),
        }
    }
    let own = house.own();
    for table in house.lake.tables().await?.into_iter().filter(|table| !own.contains(table)) {
        let text = "made by another program, not looked at".into();
        findings.push(Finding { table, ok: true, text });
    }
    if json {
        crate::show::print_json(&findings)?;
    } else {
        for finding in &findings {
            println!("{}  {}: {}", if finding.ok { "ok  " } else { "FAIL" }, finding.table, finding.text);
        }
    }
    if findings.iter().all(|finding| finding.ok) {
        Ok(())
    } else {
        bail!("the lake does not keep its promises, see above")
    }
}

/// What was found of a table; that it, or what it is made of, cannot be read for a file is a finding and not the end.
fn or_damaged(table: &str, found: Result<Vec<Finding>, BuildError>) -> Result<Vec<Finding>> {
    let table = match &found {
        Err(BuildError::Lake(LakeError::Files(FilesError::Damaged { table, .. }))) => table,
        Err(BuildError::Engine(EngineError::File { .. })) => table,
        _ => return Ok(found?),
    };
    let text = found.as_ref().err().map(ToString::to_string).unwrap_or_default();
    Ok(vec![Finding { table: table.to_owned(), ok: false, text }])
}
