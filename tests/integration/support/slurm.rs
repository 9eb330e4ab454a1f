//! A cluster of this one machine: real munged, slurmctld and slurmd on the loopback address.

use std::fs::Permissions;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// As long as the slowest machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running daemons. Dropping it ends them.
pub struct Cluster {
    folder: PathBuf,
    daemons: Vec<Child>,
}

/// The path of a program, also where only root usually looks.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Cluster {
    /// Starts a cluster with its files in `folder`; `None`, with the reason on standard error, where it cannot run.
    pub fn start(folder: &Path) -> Option<Self> {
        let mut programs = Vec::new();
        for name in ["munged", "slurmctld", "slurmd", "sbatch", "sinfo"] {
            let Some(found) = program(name) else {
                eprintln!("skipped: {name} is not installed (Debian: munge slurmctld slurmd slurm-client)");
                return None;
            };
            programs.push(found);
        }
        let mut cluster = Self { folder: folder.to_owned(), daemons: Vec::new() };
        cluster.configure();
        cluster.daemon(&programs[0], &cluster.munge_arguments());
        let until_socket = Instant::now() + PATIENCE;
        while !folder.join("munge.socket").exists() && Instant::now() < until_socket && cluster.all_run() {
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster.daemon(&programs[1], &["-D".into(), "-c".into()]);
        cluster.daemon(&programs[2], &["-D".into(), "-c".into()]);
        let until_idle = Instant::now() + PATIENCE;
        while Instant::now() < until_idle && cluster.all_run() {
            if cluster.answer("sinfo", &["--noheader", "--format=%t"]) == "idle" {
                return Some(cluster);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        eprintln!("skipped: Slurm does not run here: {}", cluster.said());
        None
    }

    fn configure(&self) {
        let folder = self.folder.display();
        for name in ["state", "spool"] {
            std::fs::create_dir_all(self.folder.join(name)).unwrap();
        }
        let mut key = [0; 128];
        std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut key).unwrap();
        let path = self.folder.join("munge.key");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        let (host, user) = (output("hostname", &["-s"]), output("id", &["-un"]));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let (controller, node) = (free_port(), free_port());
        let text = format!(
            "ClusterName=sonolens\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={controller}\nSlurmdPort={node}\n\
             AuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\nSlurmUser={user}\nSlurmdUser={user}\n\
             StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n\
             SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/slurmd.pid\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nSwitchType=switch/none\nMpiDefault=none\n\
             SelectType=select/linear\nSchedulerType=sched/builtin\n\
             SchedulerParameters=batch_sched_delay=0,sched_min_interval=0\nKillWait=1\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN\n\
             PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4\n"
        );
        std::fs::write(self.configuration(), text).unwrap();
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("slurm.conf")
    }

    fn munge_arguments(&self) -> Vec<String> {
        let file = |option: &str, name: &str| format!("--{option}={}", self.folder.join(name).display());
        // The folder is a test's own: the daemon's concern about who may write there is waived.
        let mut arguments = vec!["--foreground".to_owned(), "--force".to_owned()];
        arguments.extend([
            file("key-file", "munge.key"),
            file("socket", "munge.socket"),
            file("pid-file", "munged.pid"),
        ]);
        arguments.extend([file("log-file", "munged.log"), file("seed-file", "munge.seed")]);
        arguments
    }

    fn daemon(&mut self, program: &Path, arguments: &[String]) {
        let log = self.folder.join(format!("daemon-{}.log", self.daemons.len()));
        let log = std::fs::File::create(log).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .env("SLURM_CONF", self.configuration())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.daemons.push(child);
    }

    fn all_run(&mut self) -> bool {
        self.daemons.iter_mut().all(|daemon| daemon.try_wait().unwrap().is_none())
    }

    fn said(&self) -> String {
        let log = |number: usize| std::fs::read_to_string(self.folder.join(format!("daemon-{number}.log")));
        (0..self.daemons.len()).filter_map(|number| log(number).ok()).collect()
    }

    /// Standard output of one of Slurm's programs.
    pub fn answer(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A program that sees this cluster.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.configuration());
        command
    }

    /// Waits until no job is waiting or running.
    pub fn wait_until_idle(&self) {
        let give_up = Instant::now() + PATIENCE;
        while !self.answer("squeue", &["--noheader"]).is_empty() {
            assert!(Instant::now() < give_up, "{}\n{}", self.answer("squeue", &[]), self.said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            // Asked to end, the daemons end what they started, too.
            let asked = Command::new("kill").arg(daemon.id().to_string()).status();
            let give_up = Instant::now() + Duration::from_secs(10);
            while asked.is_ok() && Instant::now() < give_up && daemon.try_wait().is_ok_and(|status| status.is_none()) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
