//! The open project on a thread of its own: its clips come in while the window is already up, and what is said in the
//! window is written there while the window goes on.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::dataset::project::{ClipId, ClipQuery, Project, ReviewVerdict, Source};
use crate::dataset::{Clip, Dataset, DatasetError};
use crate::engine::Wake;

/// A clip of a project as the list holds it.
pub struct StoredClip {
    pub id: ClipId,
    pub clip: Clip,
    pub review: Option<ReviewVerdict>,
}

/// What the project tells the window.
pub enum News {
    /// Which datasets it holds, before the first clip.
    Sources(Vec<Source>),
    /// Some more clips, in the project's order.
    Clips(Vec<StoredClip>),
    /// Every clip has come in.
    Complete,
    /// Nothing can be read from it, or something could not be written.
    Failed(String),
}

enum Task {
    Review { clip: ClipId, verdict: ReviewVerdict },
}

/// The window's side of an open project. Dropping it ends its thread once everything asked for is written.
pub struct ProjectDesk {
    path: PathBuf,
    tasks: Option<Sender<Task>>,
    news: Receiver<News>,
    stop_reading: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Clips are handed over in portions: small ones first, so that the list is there at once.
const FIRST_PORTION: usize = 64;
const LARGEST_PORTION: usize = 4096;

impl ProjectDesk {
    /// Opens the project at `path`, or makes one there; first takes `dataset` in, if one is given.
    ///
    /// # Errors
    /// No thread can be started. What is wrong with the file comes as [`News::Failed`].
    pub fn open(path: PathBuf, dataset: Option<Dataset>, wake: Wake) -> std::io::Result<Self> {
        let (tasks, todo) = unbounded();
        let (sender, news) = unbounded();
        let stop_reading = Arc::new(AtomicBool::new(false));
        let worker = Worker { path: path.clone(), news: sender, wake, stop_reading: Arc::clone(&stop_reading) };
        let thread = std::thread::Builder::new().name("project".into()).spawn(move || worker.run(dataset, &todo))?;
        Ok(Self { path, tasks: Some(tasks), news, stop_reading, thread: Some(thread) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What has come in since the last call.
    pub fn poll(&self) -> Vec<News> {
        self.news.try_iter().collect()
    }

    /// Writes what somebody says of a clip's truth.
    pub fn review(&self, clip: ClipId, verdict: ReviewVerdict) {
        if let Some(tasks) = &self.tasks {
            // The thread only ends after a failure that it has told of.
            let _ = tasks.send(Task::Review { clip, verdict });
        }
    }
}

impl Drop for ProjectDesk {
    fn drop(&mut self) {
        self.stop_reading.store(true, Ordering::Relaxed);
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // A panic inside was printed by its own thread; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

struct Worker {
    path: PathBuf,
    news: Sender<News>,
    wake: Wake,
    stop_reading: Arc<AtomicBool>,
}

impl Worker {
    fn run(&self, dataset: Option<Dataset>, todo: &Receiver<Task>) {
        let mut project = match self.read(dataset) {
            Ok(project) => project,
            Err(error) => return self.tell(News::Failed(error.to_string())),
        };
        for task in todo {
            let done = match task {
                Task::Review { clip, verdict } => project.review(clip, verdict, None, None),
            };
            if let Err(error) = done {
                self.tell(News::Failed(format!("The review was not saved: {error}")));
            }
        }
    }

    fn read(&self, dataset: Option<Dataset>) -> Result<Project, DatasetError> {
        let mut project = Project::open(&self.path)?;
        if let Some(dataset) = dataset {
            project.add(&dataset)?;
        }
        self.tell(News::Sources(project.sources()?));
        let mut portion = Vec::new();
        let mut portion_size = FIRST_PORTION;
        let mut failure = None;
        project.each_clip(&ClipQuery::default(), |row| {
            match project.clip(row.id) {
                Ok(clip) => portion.push(StoredClip { id: row.id, clip, review: row.review }),
                Err(error) => failure = Some(error),
            }
            if portion.len() == portion_size {
                self.tell(News::Clips(std::mem::take(&mut portion)));
                portion_size = (portion_size * 4).min(LARGEST_PORTION);
            }
            let stopped = failure.is_some() || self.stop_reading.load(Ordering::Relaxed);
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        self.tell(News::Clips(portion));
        self.tell(News::Complete);
        Ok(project)
    }

    fn tell(&self, news: News) {
        // The window may be gone already.
        let _ = self.news.send(news);
        (self.wake)();
    }
}
