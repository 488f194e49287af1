//! Some plays in the order of the table, fetched from all over the memory.

use crate::model::play::{Play, Plays};

/// Plays in another order than they lie in. They are copied before anything is done with them: with
/// nothing between two fetches, the processor waits for many of them at once.
#[derive(Debug, Default)]
pub struct GatheredPlays {
    /// The plays.
    pub rows: Vec<Play>,
    /// Of each the number in [`Plays::marked`]; 0 for nothing.
    pub marked: Vec<u32>,
    /// Of each the code of what a rule found; 0 for nothing.
    pub findings: Vec<u8>,
}

impl GatheredPlays {
    /// Replaces what was gathered by the plays at these places.
    ///
    /// # Panics
    /// If a place is beyond the plays.
    pub fn gather(&mut self, plays: &Plays, places: &[u32]) {
        self.rows.clear();
        self.rows.extend(places.iter().map(|place| plays.rows[*place as usize]));
        // Plays that nobody judged have no list of marks.
        let marked = |place: &u32| plays.marked.get(*place as usize).map_or(0, |mark| *mark);
        self.marked.clear();
        self.marked.extend(places.iter().map(marked));
        let reason = |marked: &u32| plays.mark_of(*marked).map_or(0, |mark| mark.finding.code());
        self.findings.clear();
        self.findings.extend(self.marked.iter().map(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::play::PlayMark;
    use crate::model::verdict::{Finding, Reason};
    use crate::testing;

    #[test]
    fn rows_come_with_what_the_filter_found_of_them_and_before_it_ran_without() {
        let mark =
            PlayMark { finding: Finding::of(Reason::Repeater), measured: None, threshold: None };
        let rows = [1, 2, 3].map(testing::play).to_vec();
        let mut plays = Plays { rows, ..Plays::default() };
        let mut gathered = GatheredPlays::default();
        let rows_of =
            |gathered: &GatheredPlays| gathered.rows.iter().map(|p| p.row).collect::<Vec<_>>();
        gathered.gather(&plays, &[2, 0, 1]);
        assert_eq!(rows_of(&gathered), [3, 1, 2]);
        assert_eq!((&*gathered.marked, &*gathered.findings), (&[0; 3][..], &[0; 3][..]));
        plays.marks = vec![PlayMark { finding: Finding::of(Reason::TooShort), ..mark }, mark];
        plays.marked = vec![2, 0, 1];
        gathered.gather(&plays, &[2, 0]);
        assert_eq!(rows_of(&gathered), [3, 1]);
        assert_eq!(gathered.marked, [1, 2]);
        assert_eq!(gathered.findings, [Reason::TooShort as u8, Reason::Repeater as u8]);
    }
}
