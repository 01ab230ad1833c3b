//! The sizes and ttls of one client population: a row of a table of presets.

use std::io;
use std::path::Path;

use crate::replay::size_distribution::SizeDistribution;
use slabcore_bench::splitmix64::Splitmix64;

/// The sizes and ttls of a population's items.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// Name of the row.
    pub name: String,
    /// Bytes of a key.
    pub key_bytes: SizeDistribution,
    /// Bytes of a value.
    pub value_bytes: SizeDistribution,
    /// Seconds, 0: never, each with its share of the items.
    ttls: Vec<(u32, f64)>,
}

impl Preset {
    /// All rows of a comma-separated table whose first line names the columns; `name`, `key_dist`,
    /// `value_dist` and `ttl_dist` are read.
    pub fn read_all(path: &Path) -> io::Result<Vec<Self>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Self::parse_all(&text).ok_or_else(|| {
            let text = format!("{} is no table of presets", path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }

    pub(crate) fn parse_all(text: &str) -> Option<Vec<Self>> {
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next()?.split(',').collect();
        let column = |name| names.iter().position(|own| *own == name);
        let (name, key, value, ttl) =
            (column("name")?, column("key_dist")?, column("value_dist")?, column("ttl_dist")?);
        let row = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            Some(Self {
                name: (*fields.get(name)?).to_owned(),
                key_bytes: SizeDistribution::parse(fields.get(key)?)?,
                value_bytes: SizeDistribution::parse(fields.get(value)?)?,
                ttls: fields.get(ttl)?.split(';').map(parse_ttl).collect::<Option<_>>()?,
            })
        };
        lines.map(row).collect()
    }

    /// An item's ttl in seconds; 0 means that it never expires.
    pub fn draw_ttl(&self, random: &mut Splitmix64) -> u32 {
        let mut left = random.uniform();
        for &(ttl_s, share) in &self.ttls {
            if left < share {
                return ttl_s;
            }
            left -= share;
        }
        // Rounded shares may sum to a little less than 1.
        self.ttls.last().map_or(0, |(ttl_s, _)| *ttl_s)
    }
}

fn parse_ttl(text: &str) -> Option<(u32, f64)> {
    let (ttl_s, share) = text.split_once(':')?;
    Some((ttl_s.parse().ok()?, share.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let text = "name,other,value_dist,key_dist,ttl_dist\n\
            a,x,fixed:2,hist:16-16=0.5;21-21=0.5,300:0.75;60:0.25\n";
        let presets = Preset::parse_all(text).unwrap();
        let [preset] = presets.as_slice() else { panic!("one row") };
        assert_eq!(preset.name, "a");
        let mut random = Splitmix64::new(3);
        assert_eq!(preset.value_bytes.draw(&mut random), 2);
        let ttls: Vec<u32> = (0..10_000).map(|_| preset.draw_ttl(&mut random)).collect();
        let short = ttls.iter().filter(|ttl_s| **ttl_s == 60).count();
        assert!((2_300..2_700).contains(&short), "{short}");
        assert!(ttls.iter().all(|ttl_s| [60, 300].contains(ttl_s)));
    }

    #[test]
    fn other_tables_are_refused() {
        for text in ["", "name,key_dist\n", "name,key_dist,value_dist,ttl_dist\na,fixed:1\n"] {
            assert_eq!(Preset::parse_all(text), None, "{text}");
        }
    }
}
