//! Turns: reports are read several at a time, but what a date's offline plays repeat is best known when
//! the reports before it have been read. A reader says when it is through with reading, and may then
//! wait for those that began before it.

use std::sync::{Condvar, Mutex};

/// Who is through with reading.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// All numbers below this one are through.
    through_below: usize,
    /// Which of those from there on are.
    through: std::collections::BTreeSet<usize>,
}

/// One reader's turn. Dropped early (as by an error), it counts as through.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    number: usize,
    is_through: bool,
}

impl Turns {
    /// The turn with a number. Turns must begin in the order of their numbers, from 0.
    pub(crate) fn turn(&self, number: usize) -> Turn<'_> {
        Turn { turns: self, number, is_through: false }
    }
}

impl Turn<'_> {
    /// Says that this reader has told what it knows.
    pub(crate) fn through(&mut self) {
        if std::mem::replace(&mut self.is_through, true) {
            return;
        }
        if let Ok(mut state) = self.turns.state.lock() {
            state.through.insert(self.number);
            while let Some(first) = state.through.first().copied()
                && first == state.through_below
            {
                state.through.pop_first();
                state.through_below += 1;
            }
        }
        self.turns.changed.notify_all();
    }

    /// Waits until all turns before this one are through. They never wait before they are, so this
    /// comes to an end.
    pub(crate) fn wait(&self) {
        if let Ok(state) = self.turns.state.lock() {
            let is_early = |state: &mut State| state.through_below < self.number;
            drop(self.turns.changed.wait_while(state, is_early));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.through();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_waits_for_those_before_it_and_a_dropped_one_is_through() {
        let turns = Turns::default();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in (0..8).rev() {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let mut turn = turns.turn(number);
                    if number % 3 == 0 {
                        return;
                    }
                    order.lock().unwrap().push((number, "through"));
                    turn.through();
                    turn.wait();
                    order.lock().unwrap().push((number, "waited"));
                });
            }
        });
        let order = order.into_inner().unwrap();
        let place = |entry| order.iter().position(|found| *found == entry).unwrap();
        for number in [1, 2, 4, 5, 7] {
            for before in [1, 2, 4, 5].into_iter().filter(|before| *before < number) {
                assert!(place((before, "through")) < place((number, "waited")), "{order:?}");
            }
        }
    }
}
