//! Work that waits for the disk, done in a thread next to those that compute.

use std::fmt;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::disk::durable::{DiskError, IoContext as _};

type QueueWork<T> = dyn Fn(T) -> Result<(), DiskError> + Send + Sync;

/// Does what it is given, one after the other and in that order, in a thread of its own.
///
/// A step that failed is not tried again, and nothing is done after it: after a failed sync nobody knows
/// what is on the disk. The failure is told by [`Self::finish`].
pub struct DiskQueue<T> {
    work: Arc<QueueWork<T>>,
    /// `None` while there is nothing to do.
    running: Mutex<Option<RunningQueue<T>>>,
}

struct RunningQueue<T> {
    queue: Sender<T>,
    thread: JoinHandle<Result<(), DiskError>>,
}

impl<T> RunningQueue<T> {
    fn finish(self) -> Result<(), DiskError> {
        drop(self.queue);
        self.thread.join().unwrap_or_else(|_| {
            Err(io::Error::other("the thread panicked")).at("work on", "the disk".as_ref())
        })
    }
}

impl<T: Send + 'static> DiskQueue<T> {
    /// A queue of what is done by `work`.
    pub fn new(work: impl Fn(T) -> Result<(), DiskError> + Send + Sync + 'static) -> Self {
        Self { work: Arc::new(work), running: Mutex::new(None) }
    }

    /// Has it done soon. After a failure it is not done.
    pub fn add(&self, task: T) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.get_or_insert_with(|| {
            let (queue, tasks) = channel::<T>();
            let work = Arc::clone(&self.work);
            RunningQueue {
                queue,
                thread: std::thread::spawn(move || tasks.iter().try_for_each(&*work)),
            }
        });
        drop(running.queue.send(task));
    }
}

impl<T> DiskQueue<T> {
    /// Waits until all is done that was added.
    ///
    /// # Errors
    /// The first [`DiskError`].
    pub fn finish(&self) -> Result<(), DiskError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        running.map_or(Ok(()), RunningQueue::finish)
    }
}

/// Whoever gives up waits all the same: what comes next may clear away the folders that are worked in.
impl<T> Drop for DiskQueue<T> {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::debug!(%error, "not all of it was done");
        }
    }
}

impl<T> fmt::Debug for DiskQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskQueue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_added_is_done_in_order_until_a_step_fails() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let queue = DiskQueue::new({
            let done = Arc::clone(&done);
            move |number: u32| {
                done.lock().unwrap().push(number);
                let failed = number == 3;
                let result = if failed { Err(io::Error::other("no")) } else { Ok(()) };
                result.at("write", Path::new("there"))
            }
        });
        assert!(queue.finish().is_ok());
        [1, 2].into_iter().for_each(|number| queue.add(number));
        assert!(queue.finish().is_ok());
        assert_eq!(*done.lock().unwrap(), [1, 2]);
        [3, 4].into_iter().for_each(|number| queue.add(number));
        assert_eq!(queue.finish().unwrap_err().to_string(), "cannot write there");
        assert_eq!(*done.lock().unwrap(), [1, 2, 3]);
    }

    #[test]
    fn whoever_gives_up_waits_for_what_was_added() {
        let done = Arc::new(Mutex::new(0));
        let queue = DiskQueue::new({
            let done = Arc::clone(&done);
            move |()| {
                std::thread::sleep(std::time::Duration::from_millis(2));
                *done.lock().unwrap() += 1;
                Ok(())
            }
        });
        (0..8).for_each(|_| queue.add(()));
        drop(queue);
        assert_eq!(*done.lock().unwrap(), 8);
    }
}
