//! Whether a schema may be a subject's next version, and if not, everything that stands against it as a table.

use super::compat::{Clash, clashes, normal};
use super::{Level, Registry, RegistryError, Version};

/// Rows of a table for people; what is cut off is counted.
const MOST_ROWS: usize = 20;

/// How a schema gets along with the versions of a subject that its level asks about.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub subject: String,
    pub level: Level,
    /// The versions that it clashes with, the latest first.
    pub against: Vec<Against>,
}

/// One version, and what clashes with it.
#[derive(Clone, Debug)]
pub struct Against {
    pub version: u32,
    pub id: u32,
    pub clashes: Vec<Clash>,
}

/// Whether `schema` could be written or read under `subject`, by our own rules and the subject's level.
pub async fn verdict(registry: &dyn Registry, subject: &str, schema: &str) -> Result<Verdict, RegistryError> {
    let schema = normal(schema)?;
    let versions = registry.versions(subject).await?;
    let level = level(registry, subject).await?;
    Ok(judge(subject, level, &versions, &schema))
}

/// The level that holds for a subject: its own, else that of all subjects.
pub async fn level(registry: &dyn Registry, subject: &str) -> Result<Level, RegistryError> {
    match registry.level(Some(subject)).await? {
        Some(level) => Ok(level),
        None => Ok(registry.level(None).await?.unwrap_or_default()),
    }
}

/// The verdict on a schema, in the form that [`normal`] gives it, against `versions`, oldest first. One that is a
/// version already is welcome.
pub fn judge(subject: &str, level: Level, versions: &[Version], schema: &str) -> Verdict {
    let verdict = |against| Verdict { subject: subject.to_owned(), level, against };
    if versions.iter().any(|version| same(&version.schema, schema)) {
        return verdict(Vec::new());
    }
    let asked = if level.transitive() { versions.len() } else { 1 };
    let compared = versions.iter().rev().take(asked).map(|old| Against {
        version: old.version,
        id: old.id,
        clashes: clashes(level, &old.schema, schema),
    });
    verdict(compared.filter(|against| !against.clashes.is_empty()).collect())
}

/// Whether two texts are the same schema; servers write them anew in their own way.
pub(super) fn same(one: &str, other: &str) -> bool {
    let json = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other || json(one).zip(json(other)).is_some_and(|(one, other)| one == other)
}

impl Verdict {
    pub fn compatible(&self) -> bool {
        self.against.is_empty()
    }

    /// The refusal with its table, if it is one.
    pub fn agreed(&self) -> Result<(), RegistryError> {
        let Some(first) = self.against.first() else { return Ok(()) };
        let others: usize = self.against.iter().map(|against| against.clashes.len()).sum::<usize>() - 1;
        let mut reason = first.clashes[0].sentence();
        if others > 0 {
            reason += &format!(" (and {others} more)");
        }
        for against in &self.against {
            reason += &format!("\n{}", table(against.version, against.id, &against.clashes));
        }
        Err(RegistryError::Incompatible { subject: self.subject.clone(), level: self.level, reason })
    }

    /// One sentence for each clash.
    pub fn messages(&self) -> Vec<String> {
        let sentence = |against: &Against, clash: &Clash| match clash.new_reads {
            true => format!("this schema cannot read version {}: {}", against.version, clash.sentence()),
            false => format!("version {} cannot read this schema: {}", against.version, clash.sentence()),
        };
        self.against.iter().flat_map(|a| a.clashes.iter().map(move |clash| sentence(a, clash))).collect()
    }
}

/// Clashes with one version as an aligned table.
pub fn table(version: u32, id: u32, clashes: &[Clash]) -> String {
    let absent = || "-".to_owned();
    let row = |clash: &Clash| {
        let path = if clash.path.is_empty() { "(the schema)" } else { &clash.path };
        let (old, new) = match clash.new_reads {
            true => (&clash.written_as, &clash.read_as),
            false => (&clash.read_as, &clash.written_as),
        };
        let who = if clash.new_reads { "this schema" } else { "the version before" };
        let types = [old, new].map(|text| text.clone().unwrap_or_else(absent));
        let [old, new] = types;
        [path.to_owned(), old, new, format!("{who} cannot read it: {}", clash.what)]
    };
    let head = ["field".into(), format!("in version {version} (id {id})"), "in this schema".into(), "clash".into()];
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(clashes.iter().take(MOST_ROWS).map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 3] = [width(0), width(1), width(2)];
    let line = |row: &[String; 4]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$} | "));
        cells.collect::<String>() + &row[3]
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if clashes.len() > MOST_ROWS {
        lines.push(format!("and {} more", clashes.len() - MOST_ROWS));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &str) -> String {
        normal(&format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)).unwrap()
    }

    fn versions(schemas: &[&str]) -> Vec<Version> {
        let version = |(i, schema): (usize, &&str)| Version {
            subject: "s".into(),
            version: i as u32 + 1,
            id: i as u32 + 7,
            schema: (*schema).into(),
        };
        schemas.iter().enumerate().map(version).collect()
    }

    #[test]
    fn a_refusal_shows_a_table() {
        let old = record(r#"{"name":"height","type":"long"},{"name":"a","type":"int"}"#);
        let new = record(r#"{"name":"height","type":"string"},{"name":"b","type":["null","int"]}"#);
        let verdict = judge("s", Level::Backward, &versions(&[&old]), &new);
        let error = verdict.agreed().unwrap_err().to_string();
        let expected =
            "s does not take this schema (BACKWARD): field height is written as long and read as string (and 1 more)
field  | in version 1 (id 7) | in this schema | clash
height | long                | string         | this schema cannot read it: is written as long and read as string
b      | -                   | [null, int]    | this schema cannot read it: is not written and has no default";
        assert_eq!(error, expected);
        let forward = judge("s", Level::Forward, &versions(&[&old]), &new);
        assert_eq!(
            forward.messages(),
            [
                "version 1 cannot read this schema: field height is written as string and read as long",
                "version 1 cannot read this schema: field a is not written and has no default",
            ]
        );
        let many: String = (0..30).map(|n| format!(r#"{{"name":"f{n}","type":"int"}},"#)).collect();
        let verdict = judge("s", Level::Backward, &versions(&[&old]), &record(many.trim_end_matches(',')));
        assert!(verdict.agreed().unwrap_err().to_string().ends_with("\nand 10 more"));
    }

    #[test]
    fn only_transitive_levels_look_behind_the_latest() {
        let one = record(r#"{"name":"a","type":"string"}"#);
        let two = record("");
        let three = record(r#"{"name":"a","type":"int","default":0}"#);
        for (level, clashing) in [
            (Level::None, vec![]),
            (Level::Backward, vec![]),
            (Level::BackwardTransitive, vec![1]),
            (Level::Forward, vec![]),
            (Level::ForwardTransitive, vec![1]),
            (Level::FullTransitive, vec![1]),
        ] {
            let verdict = judge("s", level, &versions(&[&one, &two]), &three);
            let found: Vec<u32> = verdict.against.iter().map(|against| against.version).collect();
            assert_eq!(found, clashing, "{level}");
            assert_eq!(verdict.compatible(), clashing.is_empty());
        }
    }

    #[test]
    fn what_is_registered_is_welcome_again() {
        let one = record(r#"{"name":"a","type":"string"}"#);
        let two = record(r#"{"name":"b","type":"string"}"#);
        let spaced = one.replace(',', ", ");
        assert!(judge("s", Level::Full, &versions(&[&one, &two]), &spaced).compatible());
        assert!(!judge("s", Level::Full, &versions(&[&two]), &one).compatible());
        assert!(judge("s", Level::Full, &[], &one).compatible());
    }
}
