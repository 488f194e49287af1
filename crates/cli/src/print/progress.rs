//! A progress bar on a terminal; nothing in a pipe.

use std::io::IsTerminal as _;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use streamledger_pipeline::nightly::options::RunProgress;

/// Shows the step at hand as a bar on stderr, if that is a terminal.
pub(crate) struct TerminalProgress {
    bar: Mutex<ProgressBar>,
}

impl TerminalProgress {
    /// No bar yet.
    pub(crate) fn new() -> Self {
        Self { bar: Mutex::new(ProgressBar::hidden()) }
    }

    /// Clears the bar away.
    pub(crate) fn end(&self) {
        if let Ok(bar) = self.bar.lock() {
            bar.finish_and_clear();
        }
    }
}

impl RunProgress for TerminalProgress {
    fn begin(&self, step: &'static str, units: u64) {
        self.end();
        if units == 0 || !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(units), ProgressDrawTarget::stderr());
        let template = "{msg:26} {bar:40} {percent:>3} %  {elapsed} ";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(step);
        if let Ok(mut current) = self.bar.lock() {
            *current = bar;
        }
    }

    fn advance(&self, units: u64) {
        if let Ok(bar) = self.bar.lock() {
            bar.inc(units);
        }
    }
}
