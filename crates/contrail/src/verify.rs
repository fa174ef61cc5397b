//! `contrail verify`: the promises of exactly once and of equal to the definition, proved on the user's own data.

use std::sync::Arc;

use anyhow::{Result, bail};
use contrail_flow::verify::{self, Finding};
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;
use crate::line::House;

pub async fn run(config: Config, json: bool) -> Result<()> {
    let house = House::visit(Arc::new(config)).await?;
    let engine = house.engine()?;
    let mut findings = verify::offsets(house.raw()?, house.dead()?, &engine).await?;
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
        findings.push(finding.await?);
        bar.finish_and_clear();
    }
    for table in house.tables().await? {
        let found = house.table(&table).await?.fsck().await?;
        if !found.missing.is_empty() {
            let text = format!("{} files are gone, the first is {}", found.missing.len(), found.missing[0]);
            findings.push(Finding { table, ok: false, text });
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
