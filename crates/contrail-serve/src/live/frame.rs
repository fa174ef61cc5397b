//! The picture of the sky as the browser's GPU reads it: columns of integers, compressed once for everybody.
//!
//! Little-endian. Header of 32 bytes: magic `CTR1`, count u32, time f64 (sky time in seconds since the epoch, at which
//! ages count), seq u32, flags u32 (bit 0 demo), 8 bytes reserved. Then one column after the other, each padded to 4
//! bytes, rows ordered by icao24: icao24 u32; latitude i32 and longitude i32 in 1e-7 degrees; altitude i16 in metres
//! (barometric, else geometric; -32768 unknown); speed u16 in 0.1 m/s; track u16 in 360/65536 degrees; age u16 in 0.1 s
//! (of the position; 65535 older); climb i8 in 0.5 m/s; flags u8: bit 0 on ground, bits 1-3 shape ([`Shape`]), bit 4
//! emergency squawk, bit 5 position computed by multilateration or radar, bit 6 suspect numbers.

use std::io::Write;

use bytes::Bytes;
use contrail_types::{Micros, time};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::sky::{Mark, Picture};

pub const MAGIC: &[u8; 4] = b"CTR1";
pub const HEADER: usize = 32;
pub const NO_ALTITUDE: i16 = i16::MIN;
/// A position older than this is drawn as an estimate.
const ESTIMATED: Micros = 15 * time::SECOND;

/// A frame, immutable from the moment that it is announced.
#[derive(Debug)]
pub struct Frame {
    /// `<boot id>-<n>`.
    pub id: String,
    pub seq: u32,
    pub aircraft: usize,
    /// Aircraft whose position is older than 15 s.
    pub estimated: usize,
    pub sky_time: Micros,
    /// The whole frame, gzipped.
    pub gzip: Bytes,
}

impl Frame {
    pub fn new(boot_id: &str, seq: u32, demo: bool, picture: Picture) -> Self {
        let raw = encode(&picture, seq, demo);
        let estimated = picture.marks.iter().filter(|m| m.age > ESTIMATED).count();
        let (aircraft, sky_time) = (picture.marks.len(), picture.at);
        Self { id: format!("{boot_id}-{seq}"), seq, aircraft, estimated, sky_time, gzip: gzip(&raw) }
    }
}

/// Quick rather than small: frames are read by a few clients and made every few seconds.
fn gzip(raw: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(raw.len()), Compression::new(1));
    // Writing to memory cannot fail.
    let _ = encoder.write_all(raw);
    encoder.finish().unwrap_or_default().into()
}

/// How an aircraft is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    Jet = 0,
    Heavy = 1,
    Light = 2,
    Rotor = 3,
    Glider = 4,
    Ground = 5,
}

impl Shape {
    /// From OpenSky's category; where that says nothing (0, 1), from how it flies.
    fn of(mark: &Mark) -> Self {
        match mark.category {
            2 | 12 | 14 => Self::Light,
            6 => Self::Heavy,
            8 => Self::Rotor,
            9..=11 => Self::Glider,
            16..=20 => Self::Ground,
            3..=5 | 7 | 15 => Self::Jet,
            _ if mark.position_source == 3 => Self::Glider,
            _ if !mark.airline && mark.velocity < 90.0 && mark.altitude.max(0.0) <= 5000.0 => Self::Light,
            _ => Self::Jet,
        }
    }
}

/// Altitude as a frame and a trail hold it.
pub fn altitude(metres: f64) -> i16 {
    if metres.is_nan() { NO_ALTITUDE } else { metres.round().clamp(-32_767.0, 32_767.0) as i16 }
}

fn flags(mark: &Mark) -> u8 {
    let bit = |set: bool, n: u8| u8::from(set) << n;
    bit(mark.on_ground, 0)
        | (Shape::of(mark) as u8) << 1
        | bit(mark.emergency, 4)
        | bit(matches!(mark.position_source, 1 | 2), 5)
        | bit(mark.suspect, 6)
}

/// The layout above.
pub fn encode(picture: &Picture, seq: u32, demo: bool) -> Vec<u8> {
    let marks = &picture.marks;
    let mut out = Vec::with_capacity(HEADER + marks.len() * 22 + 16);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&(marks.len() as u32).to_le_bytes());
    out.extend_from_slice(&(picture.at as f64 / 1e6).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&u32::from(demo).to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    // `as` saturates and turns NaN into 0: no number, however wild, leaves its column.
    column(&mut out, marks, |m| m.icao24.to_le_bytes());
    column(&mut out, marks, |m| ((m.latitude * 1e7).round() as i32).to_le_bytes());
    column(&mut out, marks, |m| ((m.longitude * 1e7).round() as i32).to_le_bytes());
    column(&mut out, marks, |m| altitude(m.altitude).to_le_bytes());
    column(&mut out, marks, |m| ((m.velocity * 10.0).round() as u16).to_le_bytes());
    column(&mut out, marks, |m| ((m.track.rem_euclid(360.0) * (65_536.0 / 360.0)).round() as u32 as u16).to_le_bytes());
    column(&mut out, marks, |m| ((m.age / (time::SECOND / 10)).clamp(0, 65_535) as u16).to_le_bytes());
    column(&mut out, marks, |m| ((m.climb * 2.0).round() as i8).to_le_bytes());
    column(&mut out, marks, |m| [flags(m)]);
    out
}

fn column<const N: usize>(out: &mut Vec<u8>, marks: &[Mark], value: impl Fn(&Mark) -> [u8; N]) {
    for mark in marks {
        out.extend_from_slice(&value(mark));
    }
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            icao24: 0x3c6444,
            latitude: 50.033_333_3,
            longitude: -8.570_5,
            altitude: 10_668.4,
            velocity: 228.45,
            track: 90.0,
            climb: -3.25,
            age: 12_340_000,
            on_ground: false,
            emergency: false,
            position_source: 0,
            category: 6,
            airline: true,
            suspect: false,
        }
    }

    #[test]
    fn every_byte_is_where_the_layout_says() {
        let odd = Mark {
            icao24: 0x40_0001,
            altitude: f64::NAN,
            velocity: f64::NAN,
            track: 359.999,
            climb: 1e9,
            age: i64::MAX,
            on_ground: true,
            emergency: true,
            position_source: 2,
            category: 17,
            suspect: true,
            ..mark()
        };
        let picture = Picture { at: 1_714_311_965_500_000, marks: vec![mark(), odd, mark()] };
        let bytes = encode(&picture, 7, true);
        assert_eq!(&bytes[..8], b"CTR1\x03\0\0\0");
        assert_eq!(f64::from_le_bytes(bytes[8..16].try_into().unwrap()), 1_714_311_965.5);
        assert_eq!(&bytes[16..32], &[7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        // 3 rows: u32 columns of 12, u16 columns of 6 padded to 8, u8 columns of 3 padded to 4.
        assert_eq!(bytes.len(), 32 + 3 * 12 + 4 * 8 + 2 * 4);
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let u16_at = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
        assert_eq!([u32_at(32), u32_at(36)], [0x3c6444, 0x40_0001]);
        assert_eq!(u32_at(44) as i32, 500_333_333);
        assert_eq!(u32_at(56) as i32, -85_705_000);
        assert_eq!([u16_at(68) as i16, u16_at(70) as i16], [10_668, i16::MIN]);
        assert_eq!([u16_at(76), u16_at(78)], [2285, 0]);
        assert_eq!([u16_at(84), u16_at(86)], [16_384, 0]);
        assert_eq!([u16_at(92), u16_at(94)], [123, 65_535]);
        assert_eq!([bytes[100] as i8, bytes[101] as i8], [-7, 127]);
        assert_eq!([bytes[104], bytes[105]], [0b0000_0010, 0b0111_1011]);
    }

    #[test]
    fn a_shape_follows_the_category_and_without_one_the_flight() {
        let shape = |category, position_source, airline, velocity| {
            Shape::of(&Mark { category, position_source, airline, velocity, altitude: 900.0, ..mark() })
        };
        assert_eq!(shape(0, 0, true, 70.0), Shape::Jet);
        assert_eq!(shape(0, 0, false, 60.0), Shape::Light);
        assert_eq!(shape(1, 0, false, 200.0), Shape::Jet);
        assert_eq!(shape(0, 3, false, 30.0), Shape::Glider);
        assert_eq!(shape(8, 0, false, 60.0), Shape::Rotor);
        assert_eq!(shape(99, 0, true, 60.0), Shape::Jet);
    }

    #[test]
    fn a_frame_unpacks_to_what_was_encoded() {
        let picture = || Picture { at: 5_000_000, marks: vec![mark(); 100] };
        let frame = Frame::new("boot", 3, false, picture());
        let mut raw = Vec::new();
        std::io::copy(&mut flate2::read::GzDecoder::new(&frame.gzip[..]), &mut raw).unwrap();
        assert_eq!(raw, encode(&picture(), 3, false));
        assert_eq!((frame.id.as_str(), frame.aircraft, frame.estimated), ("boot-3", 100, 0));
    }
}
