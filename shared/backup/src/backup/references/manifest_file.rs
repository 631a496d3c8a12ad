//! Files that list artifacts, and the same files for copies of what they list.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::location::Location;

/// How such a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManifestForm {
    /// `[{"prefix": "s3://bucket/some/"}, "relative/1", …]`: `S3DataType` `ManifestFile`.
    Json,
    /// Lines of values between commas of which some are S3 URIs: `ManifestS3Uri`.
    Csv,
}

/// A file that lists artifacts, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    form: ManifestForm,
    text: String,
    /// Of the JSON form: as written.
    prefix: String,
    /// What it lists, in order.
    pub entries: Vec<Location>,
}

impl ManifestFile {
    /// Reads such a file.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(form: ManifestForm, text: &str) -> Result<Self, String> {
        let (prefix, uris) = match form {
            ManifestForm::Json => json(text)?,
            ManifestForm::Csv => {
                let uris = cells(text).filter(|cell| cell.starts_with("s3://"));
                (String::new(), uris.map(str::to_owned).collect())
            }
        };
        let place = |uri: String| {
            Location::parse(&uri).ok_or_else(|| format!("it lists {uri:?}, which is not s3://bucket/key"))
        };
        Ok(Self {
            form,
            text: text.to_owned(),
            prefix,
            entries: uris.into_iter().map(place).collect::<Result<_, _>>()?,
        })
    }

    /// The same file for copies: `to` says where what an S3 URI (of an object, or of the prefix of the JSON form) names
    /// was copied to. Paths relative to a prefix stay as they are.
    pub fn moved(&self, to: impl Fn(&str) -> String) -> String {
        let (text, from) = match self.form {
            ManifestForm::Csv => (
                self.text.as_str(),
                self.entries.iter().map(Location::to_string).collect(),
            ),
            ManifestForm::Json => (self.text.as_str(), vec![self.prefix.clone()]),
        };
        let mut moved = String::with_capacity(text.len());
        let mut rest = text;
        for uri in from {
            let Some(at) = rest.find(&uri) else { continue };
            moved.push_str(&rest[..at]);
            moved.push_str(&to(&uri));
            rest = &rest[at + uri.len()..];
        }
        moved + rest
    }
}

fn json(text: &str) -> Result<(String, Vec<String>), String> {
    const FORM: &str = r#"a manifest file is [{"prefix": "s3://bucket/some/"}, "relative/1", …]"#;
    let items: Vec<Value> = serde_json::from_str(text).map_err(|error| format!("{FORM}; {error}"))?;
    let mut prefix = None;
    let mut uris = vec![];
    for item in items {
        match (item.get("prefix").and_then(Value::as_str), item.as_str(), &prefix) {
            (Some(new), _, None) => prefix = Some(new.to_owned()),
            (None, Some(relative), Some(prefix)) => uris.push(format!("{prefix}{relative}")),
            _ => return Err(FORM.to_owned()),
        }
    }
    Ok((prefix.ok_or_else(|| FORM.to_owned())?, uris))
}

fn cells(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split(','))
        .map(|cell| cell.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(uri: &str) -> String {
        uri.replace("s3://", "s3://dr/artifacts/")
    }

    #[test]
    fn a_json_manifest_lists_what_follows_its_prefix() {
        let text = r#"[{"prefix": "s3://models/llm/"}, "a.bin", "sub/ü b.bin"]"#;
        let file = ManifestFile::read(ManifestForm::Json, text).unwrap();
        let keys: Vec<&str> = file.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["llm/a.bin", "llm/sub/ü b.bin"]);
        assert_eq!(
            file.moved(moved),
            r#"[{"prefix": "s3://dr/artifacts/models/llm/"}, "a.bin", "sub/ü b.bin"]"#
        );
    }

    #[test]
    fn a_csv_manifest_keeps_everything_but_the_uris() {
        let text = "name,uri\nweights,\"s3://models/w.bin\"\ntokenizer,s3://models/t.json\nnone,\n";
        let file = ManifestFile::read(ManifestForm::Csv, text).unwrap();
        assert_eq!(
            file.moved(moved),
            "name,uri\nweights,\"s3://dr/artifacts/models/w.bin\"\ntokenizer,s3://dr/artifacts/models/t.json\nnone,\n"
        );
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_the_form() {
        for text in ["{}", r#"["a"]"#, r#"[{"prefix": "s3://m/"}, 1]"#, "s3://x"] {
            let refused = ManifestFile::read(ManifestForm::Json, text).unwrap_err();
            assert!(refused.starts_with("a manifest file is ["), "{refused}");
        }
        let refused = ManifestFile::read(ManifestForm::Csv, "s3://bucket-only").unwrap_err();
        assert_eq!(refused, "it lists \"s3://bucket-only\", which is not s3://bucket/key");
    }

    #[test]
    fn no_entries_are_no_reason_to_panic() {
        let file = ManifestFile::read(ManifestForm::Json, r#"[{"prefix": "s3://m/"}]"#).unwrap();
        assert_eq!(file.moved(moved), r#"[{"prefix": "s3://dr/artifacts/m/"}]"#);
    }
}
