use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

/// Called when something arrived that the interface should look at. Cheap and callable from any thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Work that runs beside the interface: each piece has a name, progress, a cancel and one outcome.
///
/// Dropping the registry cancels what runs and waits for it, so no thread outlives the program's state.
pub struct Jobs {
    wake: Wake,
    running: Mutex<Vec<Running>>,
    next_id: AtomicU64,
}

struct Running {
    control: JobControl,
    thread: JoinHandle<()>,
}

/// The worker's side of a job: where it reports progress and learns that nobody waits any more.
#[derive(Clone)]
pub struct JobControl(Arc<ControlState>);

struct ControlState {
    id: u64,
    name: String,
    started: Instant,
    /// f32 bits; negative while unknown.
    progress: AtomicU32,
    cancelled: Arc<AtomicBool>,
    finished: AtomicBool,
    wake: Wake,
}

/// What the status bar shows of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    pub id: u64,
    pub name: String,
    /// 0..=1, `None` while unknown.
    pub progress: Option<f32>,
    /// Seconds until done, from the progress so far; `None` while there is nothing to go by.
    pub remaining_secs: Option<f64>,
}

/// The waiting side of a job. Dropping it cancels the job and its result, so a stale result has nowhere to go.
pub struct Job<T> {
    control: JobControl,
    result: Receiver<Result<T, JobFailed>>,
}

/// Why a job ended without a result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JobFailed {
    #[error("{job} stopped at an internal error: {message}. Nothing else is affected; please report it")]
    Panicked { job: String, message: String },
    #[error("{job} could not be started: {message}")]
    NotStarted { job: String, message: String },
}

impl JobControl {
    /// A control that belongs to no job, for calling job code directly.
    pub fn detached(name: &str) -> Self {
        Self::new(0, name.to_owned(), Arc::new(|| {}))
    }

    fn new(id: u64, name: String, wake: Wake) -> Self {
        Self(Arc::new(ControlState {
            id,
            name,
            started: Instant::now(),
            progress: AtomicU32::new((-1.0f32).to_bits()),
            cancelled: Arc::new(AtomicBool::new(false)),
            finished: AtomicBool::new(false),
            wake,
        }))
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// The flag behind [`JobControl::is_cancelled`], for code that looks at a plain flag.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.cancelled)
    }

    /// Reports how much is done, 0..=1. Wakes the interface only when a visible step (half a percent) was made.
    pub fn set_progress(&self, done: f32) {
        let before = f32::from_bits(self.0.progress.swap(done.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed));
        if (before * 200.0).floor() != (done * 200.0).floor() {
            (self.0.wake)();
        }
    }

    fn view(&self) -> JobView {
        let progress = f32::from_bits(self.0.progress.load(Ordering::Relaxed));
        let progress = (progress >= 0.0).then_some(progress);
        let elapsed = self.0.started.elapsed().as_secs_f64();
        let remaining_secs =
            progress.filter(|&done| done > 0.02).map(|done| elapsed * (1.0 - f64::from(done)) / f64::from(done));
        JobView { id: self.0.id, name: self.0.name.clone(), progress, remaining_secs }
    }
}

impl Jobs {
    pub fn new(wake: Wake) -> Self {
        Self { wake, running: Mutex::new(Vec::new()), next_id: AtomicU64::new(1) }
    }

    /// Starts `work` on a thread of its own, named after the job.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: impl Into<String>,
        work: impl FnOnce(&JobControl) -> T + Send + 'static,
    ) -> Job<T> {
        let name = name.into();
        let control =
            JobControl::new(self.next_id.fetch_add(1, Ordering::Relaxed), name.clone(), Arc::clone(&self.wake));
        let (sender, result) = sync_channel(1);
        let failed_to_start = sender.clone();
        let worker_control = control.clone();
        let spawned = std::thread::Builder::new().name(name.clone()).spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&worker_control))).map_err(|panic| {
                JobFailed::Panicked { job: worker_control.0.name.clone(), message: panic_message(&*panic) }
            });
            worker_control.0.finished.store(true, Ordering::Release);
            // Nobody waits when the job was dropped meanwhile; its result goes with it.
            let _ = sender.send(outcome);
            (worker_control.0.wake)();
        });
        match spawned {
            Ok(thread) => {
                if let Ok(mut running) = self.running.lock() {
                    running.retain(|entry| !entry.thread.is_finished());
                    running.push(Running { control: control.clone(), thread });
                }
            }
            Err(error) => {
                control.0.finished.store(true, Ordering::Release);
                let _ = failed_to_start.send(Err(JobFailed::NotStarted { job: name, message: error.to_string() }));
            }
        }
        Job { control, result }
    }

    /// What runs now, oldest first.
    pub fn views(&self) -> Vec<JobView> {
        self.running.lock().map_or_else(
            |_| Vec::new(),
            |running| {
                running
                    .iter()
                    .filter(|entry| !entry.control.0.finished.load(Ordering::Acquire) && !entry.control.is_cancelled())
                    .map(|entry| entry.control.view())
                    .collect()
            },
        )
    }

    /// Asks the job with this id to stop; unknown ids are fine (it may just have ended).
    pub fn cancel(&self, id: u64) {
        if let Ok(running) = self.running.lock() {
            running.iter().filter(|entry| entry.control.0.id == id).for_each(|entry| entry.control.cancel());
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        let running = self.running.get_mut().map(std::mem::take).unwrap_or_default();
        running.iter().for_each(|entry| entry.control.cancel());
        for entry in running {
            // A panic inside was already turned into the job's outcome.
            let _ = entry.thread.join();
        }
    }
}

impl<T> Job<T> {
    /// The outcome if it is there; call it once a pass. `None` while the job runs.
    pub fn poll(&self) -> Option<Result<T, JobFailed>> {
        self.result.try_recv().ok()
    }

    pub fn cancel(&self) {
        self.control.cancel();
    }

    pub fn is_cancelled(&self) -> bool {
        self.control.is_cancelled()
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.control.cancel();
    }
}

/// The text of a caught panic.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn wait<T>(job: &Job<T>) -> Result<T, JobFailed> {
        let started = Instant::now();
        loop {
            if let Some(outcome) = job.poll() {
                return outcome;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "job did not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_job_reports_and_delivers_once() {
        let jobs = Jobs::new(Arc::new(|| {}));
        let (go, gate) = sync_channel::<()>(0);
        let job = jobs.spawn("Count", move |control| {
            control.set_progress(0.5);
            gate.recv().unwrap();
            42
        });
        while jobs.views().first().and_then(|view| view.progress) != Some(0.5) {
            std::thread::yield_now();
        }
        assert_eq!(jobs.views()[0].name, "Count");
        go.send(()).unwrap();
        assert_eq!(wait(&job), Ok(42));
        assert!(job.poll().is_none());
        assert!(jobs.views().is_empty());
    }

    #[test]
    fn dropping_the_waiting_side_cancels() {
        let jobs = Jobs::new(Arc::new(|| {}));
        let seen = Arc::new(AtomicBool::new(false));
        let worker_seen = Arc::clone(&seen);
        let job = jobs.spawn("Long", move |control| {
            while !control.is_cancelled() {
                std::thread::yield_now();
            }
            worker_seen.store(true, Ordering::SeqCst);
        });
        drop(job);
        drop(jobs);
        assert!(seen.load(Ordering::SeqCst));
    }

    #[test]
    fn a_panic_is_an_outcome() {
        let jobs = Jobs::new(Arc::new(|| {}));
        let job = jobs.spawn("Fall", |_| -> u8 { panic!("over the edge") });
        assert_eq!(wait(&job), Err(JobFailed::Panicked { job: "Fall".into(), message: "over the edge".into() }));
    }
}
