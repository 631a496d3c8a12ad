//! The timeline in columns: time since the start, a mark, whom it is about, what happened.

use std::io::{self, Write};

use jiff::Timestamp;

use super::{Entry, Sort, Tone, Watch};

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// ANSI colours.
    pub colour: bool,
    /// Columns to fill.
    pub width: usize,
    /// Name the Region on every line.
    pub regions: bool,
    /// A line that shows the virtual time reached, for a terminal.
    pub progress: bool,
}

/// Writes entries for people.
#[derive(Debug)]
pub struct People<W, P = io::Sink> {
    out: W,
    progress: Option<P>,
    style: Style,
    start: Timestamp,
    end: Timestamp,
    shown: bool,
    reached: i64,
}

const NAME: usize = 16;

impl<W: Write, P: Write> People<W, P> {
    /// Lines to `out`; the progress line, if any, to `progress`.
    pub fn new(out: W, progress: Option<P>, style: Style, start: Timestamp, end: Timestamp) -> Self {
        Self {
            out,
            progress,
            style,
            start,
            end,
            shown: false,
            reached: -1,
        }
    }

    /// Ends the progress line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(&mut self) -> io::Result<()> {
        self.wipe()?;
        self.out.flush()
    }

    fn wipe(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.shown)
            && let Some(progress) = &mut self.progress
        {
            progress.write_all(b"\r\x1b[K")?;
            progress.flush()?;
        }
        Ok(())
    }
}

impl<W: Write, P: Write> Watch for People<W, P> {
    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.wipe()?;
        for line in lines(entry, self.start, self.style) {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    fn reached(&mut self, now: Timestamp) -> io::Result<()> {
        let minute = now.duration_since(self.start).as_secs() / 60;
        if !self.style.progress || minute == self.reached {
            return Ok(());
        }
        self.reached = minute;
        let whole = self.end.duration_since(self.start).as_secs().max(1);
        let done = usize::try_from((now.duration_since(self.start).as_secs() * 24 / whole).clamp(0, 24)).unwrap_or(0);
        if let Some(progress) = &mut self.progress {
            let (to, of) = (span(now.duration_since(self.start).as_secs()), span(whole));
            write!(
                progress,
                "\r\x1b[K  {to} of {of}  [{}{}]",
                "=".repeat(done),
                " ".repeat(24 - done)
            )?;
            progress.flush()?;
            self.shown = true;
        }
        Ok(())
    }
}

/// `0:00:00` of a number of seconds.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

pub(super) fn lines(entry: &Entry, start: Timestamp, style: Style) -> Vec<String> {
    let time = span(entry.at.duration_since(start).as_secs());
    let region = if style.regions {
        format!("{:<13} ", entry.region)
    } else {
        String::new()
    };
    let head = format!("{time:>8}  {region}");
    let indent = head.chars().count() + 2 + NAME + 2;
    let room = style.width.saturating_sub(indent).max(30);
    let text = wrapped(&entry.text, room);
    let mut all = Vec::new();
    for (index, part) in text.iter().enumerate() {
        let part = paint(part, entry.tone, style);
        all.push(if index == 0 {
            let mark = paint(mark(entry), entry.tone, style);
            let name = fitted(&entry.subject);
            format!("{}{mark} {name}  {part}", dim(&head, style))
        } else {
            format!("{}{part}", " ".repeat(indent))
        });
    }
    for detail in &entry.details {
        for part in wrapped(detail, room.saturating_sub(2)) {
            all.push(format!("{}{}", " ".repeat(indent + 2), dim(&part, style)));
        }
    }
    all.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Padded to the column; a longer name is cut in its middle, so that what tells names apart is kept.
fn fitted(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME {
        return format!("{name:<NAME$}");
    }
    let head: String = name.chars().take(7).collect();
    let tail: String = name.chars().skip(count - (NAME - 9)).collect();
    format!("{head}..{tail}")
}

fn mark(entry: &Entry) -> &'static str {
    match (entry.sort, entry.tone) {
        (Sort::Alert, Tone::Good) => "+",
        (Sort::Alert | Sort::Expectation, _) => "!",
        (Sort::Incident, _) => "*",
        (Sort::Fault, _) => "#",
        (Sort::Command, _) => ">",
        (Sort::Answer, _) => "<",
        (Sort::Action, _) => "=",
        (Sort::Health, Tone::Good) => "+",
        (Sort::Health, _) => "-",
        _ => "~",
    }
}

pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits = lines
            .last()
            .is_some_and(|line| line.is_empty() || line.chars().count() + 1 + word.chars().count() <= room);
        if !fits {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

pub(super) fn paint(text: &str, tone: Tone, style: Style) -> String {
    let code = match tone {
        Tone::Bad => "31",
        Tone::Warn => "33",
        Tone::Good => "32",
        Tone::Quiet => "2",
        Tone::Plain => return text.to_owned(),
    };
    if style.colour {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

fn dim(text: &str, style: Style) -> String {
    paint(text, Tone::Quiet, style)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(subject: &str, text: &str, sort: Sort, tone: Tone) -> Entry {
        Entry {
            at: Timestamp::constant(3_723, 0),
            region: "eu-west-1".into(),
            sort,
            tone,
            subject: subject.into(),
            text: text.into(),
            details: vec!["probe score: HTTP 500".into()],
        }
    }

    const PLAIN: Style = Style {
        colour: false,
        width: 80,
        regions: false,
        progress: false,
    };

    #[test]
    fn an_entry_stands_in_columns_and_wraps_below_its_text() {
        let long = "the container answers 500 to every request since the last deployment of the model at noon";
        let all = [
            lines(
                &entry("fraud", "Healthy -> Unhealthy", Sort::Health, Tone::Bad),
                Timestamp::UNIX_EPOCH,
                PLAIN,
            ),
            lines(
                &entry("a-very-long-endpoint-name-7", long, Sort::Incident, Tone::Bad),
                Timestamp::UNIX_EPOCH,
                PLAIN,
            ),
        ];
        insta::assert_snapshot!(all.concat().join("\n"));
    }

    #[test]
    fn colour_is_only_for_those_who_asked() {
        let style = Style {
            colour: true,
            regions: true,
            ..PLAIN
        };
        let all = lines(
            &entry("fraud", "ill", Sort::Health, Tone::Bad),
            Timestamp::UNIX_EPOCH,
            style,
        );
        assert!(
            all[0].contains("\x1b[31mill\x1b[0m") && all[0].contains("eu-west-1"),
            "{all:?}"
        );
        let all = lines(
            &entry("fraud", "ill", Sort::Health, Tone::Bad),
            Timestamp::UNIX_EPOCH,
            PLAIN,
        );
        assert!(!all[0].contains('\x1b'), "{all:?}");
    }
}
