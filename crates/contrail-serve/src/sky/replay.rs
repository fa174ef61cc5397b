//! A recording as a sky: at its own pace or a multiple of it, or one answer a request.

use std::io;
use std::path::Path;

use contrail_source::replay::recording::{Line, Recording};
use contrail_source::wire::opensky;
use contrail_types::{Micros, time};

use super::{Content, SkySource};

/// How a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each request gets the next answer once.
    Step,
    /// So many times as fast as it was recorded.
    Speed(f64),
}

/// A recording of OpenSky answers, one body a line, plain, gzip or zstd. When it has ended, `states` is null.
pub struct Replay {
    lines: Box<dyn Iterator<Item = io::Result<Line>> + Send>,
    pace: Pace,
    /// Recorded and real time of the first request.
    start: Option<(Micros, Micros)>,
    current: Option<Timed>,
    next: Option<Timed>,
    /// Between the last two answers: how long the last one stands.
    gap: Micros,
    ended: bool,
}

struct Timed {
    /// The newest time so far: a recording's own times may go back.
    at: Micros,
    line: Line,
}

impl Replay {
    pub fn open(path: &Path, pace: Pace) -> io::Result<Self> {
        Ok(Self::new(Recording::open(path)?, pace))
    }

    pub fn new(lines: impl Iterator<Item = io::Result<Line>> + Send + 'static, pace: Pace) -> Self {
        let lines = Box::new(lines);
        Self { lines, pace, start: None, current: None, next: None, gap: time::MINUTE, ended: false }
    }

    fn read(&mut self) -> Option<Timed> {
        let after = self.next.as_ref().or(self.current.as_ref()).map(|t| t.at);
        let line = match self.lines.next()? {
            Ok(line) => line,
            Err(error) => {
                tracing::warn!(%error, "the recording cannot be read on: it ends here");
                return None;
            }
        };
        let at = opensky::time_of(&line.body).max(after).unwrap_or_default();
        Some(Timed { at, line })
    }

    fn step(&mut self) -> Content {
        match self.read() {
            Some(next) => self.current = Some(next),
            None => self.ended = true,
        }
        self.content()
    }

    fn play(&mut self, speed: f64, now: Micros) -> Content {
        let Some((first, started)) = self.start else {
            self.current = self.read();
            self.start = self.current.as_ref().map(|first| (first.at, now));
            self.next = self.read();
            self.ended = self.current.is_none();
            return self.content();
        };
        let played = first.saturating_add(((now - started).max(0) as f64 * speed) as Micros);
        while let Some(next) = self.next.take_if(|next| next.at <= played) {
            self.gap = (next.at - self.current.as_ref().map_or(next.at, |c| c.at)).max(time::SECOND);
            self.current = Some(next);
            self.next = self.read();
        }
        let over = self.current.as_ref().is_none_or(|last| played - last.at > self.gap);
        self.ended = self.next.is_none() && over;
        self.content()
    }

    fn content(&self) -> Content {
        match &self.current {
            Some(current) if !self.ended => Content::Raw(current.line.body.to_vec().into()),
            last => Content::Empty { time: last.as_ref().map_or(0, |t| t.at) },
        }
    }
}

impl SkySource for Replay {
    fn answer(&mut self, now: Micros) -> Content {
        match self.pace {
            Pace::Step => self.step(),
            Pace::Speed(speed) => self.play(speed, now),
        }
    }

    fn ended(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(times: &[i64]) -> impl Iterator<Item = io::Result<Line>> + Send + 'static {
        let lines: Vec<io::Result<Line>> = times
            .iter()
            .zip(1..)
            .map(|(t, number)| Ok(Line { number, body: format!(r#"{{"time":{t},"states":[]}}"#).into_bytes().into() }))
            .collect();
        lines.into_iter()
    }

    fn shown(content: Content) -> Option<i64> {
        match content {
            Content::Raw(body) => opensky::time_of(&body).map(|t| t / time::SECOND),
            _ => None,
        }
    }

    #[test]
    fn by_steps_each_answer_comes_once() {
        let mut replay = Replay::new(recording(&[100, 99, 160]), Pace::Step);
        let answers: Vec<_> = (0..5).map(|_| shown(replay.answer(0))).collect();
        assert_eq!(answers, [Some(100), Some(99), Some(160), None, None]);
        assert!(replay.ended());
        assert!(matches!(replay.answer(0), Content::Empty { time } if time == 160 * time::SECOND));
    }

    #[test]
    fn at_speed_the_answer_of_the_moment_stands_until_the_next() {
        let mut replay = Replay::new(recording(&[100, 160, 158, 220]), Pace::Speed(10.0));
        let at = |replay: &mut Replay, s: f64| shown(replay.answer(5_000_000 + (s * 1e6) as Micros));
        for (seconds, expected) in [
            (0.0, Some(100)),
            (5.9, Some(100)),
            // The answer whose time went back is passed over: it was due at the same moment.
            (6.0, Some(158)),
            (3.0, Some(158)),
            (12.0, Some(220)),
            (17.9, Some(220)),
            (18.1, None),
        ] {
            assert_eq!(at(&mut replay, seconds), expected, "{seconds}");
        }
        assert!(replay.ended());
        let mut empty = Replay::new(recording(&[]), Pace::Speed(1.0));
        assert_eq!(shown(empty.answer(0)), None);
        assert!(empty.ended());
    }

    #[test]
    fn a_recording_that_breaks_ends_there() {
        let broken = recording(&[100]).chain([Err(io::Error::other("cut"))]);
        let mut replay = Replay::new(broken, Pace::Step);
        assert_eq!(shown(replay.answer(0)), Some(100));
        assert_eq!(shown(replay.answer(0)), None);
    }
}
