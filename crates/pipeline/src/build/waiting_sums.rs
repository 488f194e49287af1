//! Rows of `sales_monthly` while the lines of their month are read: by statement period, in memory as long as
//! there is room, else on disk. Those of a period come in the order of the table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytemuck::Zeroable as _;
use streamledger_core::aggregate::sales_monthly::{ByPeriod, MonthlySum};
use streamledger_core::model::day::Month;
use streamledger_storage::disk::durable::{DiskError, append_unsynced, make_folder, remove_file};
use streamledger_storage::disk::reading::read_bytes_at;
use streamledger_storage::tables::partition::PartitionError;

/// A statement period, those without one last.
type SettledPeriod = (bool, Option<Month>);

/// Sums of a month.
#[derive(Debug)]
pub(crate) struct WaitingSums {
    folder: PathBuf,
    bytes_max: usize,
    in_memory: ByPeriod,
    /// Files of the sums that came first, and how many there are.
    on_disk: BTreeMap<SettledPeriod, (PathBuf, usize)>,
}

impl WaitingSums {
    /// Sums beyond so many bytes wait in a folder, which is made when it is needed.
    pub(crate) fn new(folder: PathBuf, bytes_max: usize) -> Self {
        Self { folder, bytes_max, in_memory: ByPeriod::new(), on_disk: BTreeMap::new() }
    }

    /// Adds sums that come after those before.
    pub(crate) fn add(&mut self, sums: ByPeriod) -> Result<(), PartitionError> {
        for (period, sums) in sums {
            self.in_memory.entry(period).or_default().extend(sums);
        }
        let n_sums: usize = self.in_memory.values().map(Vec::len).sum();
        if self.bytes_max < n_sums * size_of::<MonthlySum>() {
            self.put_down()?;
        }
        Ok(())
    }

    fn put_down(&mut self) -> Result<(), DiskError> {
        make_folder(&self.folder)?;
        for (period, sums) in std::mem::take(&mut self.in_memory) {
            let n_files = self.on_disk.len();
            let (path, n_sums) = self
                .on_disk
                .entry(period)
                .or_insert_with(|| (self.folder.join(format!("sums-{n_files:06}")), 0));
            append_unsynced(path, bytemuck::cast_slice(&sums))?;
            *n_sums += sums.len();
        }
        Ok(())
    }

    /// Hands all sums on in the order of the table, so many at a time but for the last ones, and deletes
    /// the files.
    pub(crate) fn each_group(
        self,
        n_sums_max: usize,
        take: &mut impl FnMut(&[MonthlySum]) -> Result<(), PartitionError>,
    ) -> Result<(), PartitionError> {
        let Self { mut in_memory, mut on_disk, .. } = self;
        let mut periods: Vec<SettledPeriod> =
            in_memory.keys().chain(on_disk.keys()).copied().collect();
        periods.sort_unstable();
        periods.dedup();
        let mut group: Vec<MonthlySum> = Vec::new();
        for period in periods {
            if let Some((path, mut n_left)) = on_disk.remove(&period) {
                let mut place = 0;
                while n_left != 0 {
                    let start = group.len();
                    let n_read = n_left.min(n_sums_max - start);
                    group.resize(start + n_read, MonthlySum::zeroed());
                    let bytes = bytemuck::cast_slice_mut(&mut group[start..]);
                    read_bytes_at(&path, place, bytes)?;
                    place += bytes.len() as u64;
                    n_left -= n_read;
                    hand_on(&mut group, n_sums_max, take)?;
                }
                remove_file(&path)?;
            }
            let mut rest = &*in_memory.remove(&period).unwrap_or_default();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(n_sums_max - group.len()));
                group.extend_from_slice(now);
                rest = later;
                hand_on(&mut group, n_sums_max, take)?;
            }
        }
        if group.is_empty() { Ok(()) } else { take(&group) }
    }
}

/// Hands a group on that is full.
fn hand_on(
    group: &mut Vec<MonthlySum>,
    n_sums_max: usize,
    take: &mut impl FnMut(&[MonthlySum]) -> Result<(), PartitionError>,
) -> Result<(), PartitionError> {
    if group.len() == n_sums_max {
        take(group)?;
        group.clear();
    }
    Ok(())
}
