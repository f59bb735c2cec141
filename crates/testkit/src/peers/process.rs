//! A server of somebody else's as a process.

use std::io::{BufRead as _, BufReader, Error};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a server may take to start, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is killed with everything it started when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a program in a process group of its own, with nothing but a path and the variables given in its environment.
    ///
    /// # Errors
    /// Fails where the program cannot be started.
    pub fn start(command: &[String], env: &[(&str, &str)]) -> std::io::Result<Self> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| Error::other("no program is named"))?;
        let mut process = Command::new(program);
        process.args(arguments).env_clear().envs(env.iter().copied());
        process.env("PATH", std::env::var_os("PATH").unwrap_or_default()).process_group(0);
        process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = process.spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| Error::other("it has no standard output"))?;
        let (sender, lines) = channel();
        // Somebody must read, or the server would wait for a reader some day.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _nobody_listens = sender.send(line);
            }
        });
        Ok(Self { child, lines })
    }

    /// Waits for a line of its output that has a text in it, and returns what stands from there on.
    ///
    /// # Errors
    /// Fails where no such line comes.
    pub fn wait_for_line(&self, text: &str) -> std::io::Result<String> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let left = patience.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.map_err(|_| Error::other(format!("it never said `{text}`")))?;
            if let Some(at) = line.find(text) {
                return Ok(line[at..].to_owned());
            }
        }
    }

    /// Waits until it listens on a port.
    ///
    /// # Errors
    /// Fails where it never does.
    pub fn wait_for_port(&self, port: u16) -> std::io::Result<()> {
        let patience = Instant::now() + PATIENCE;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while let Err(error) = TcpStream::connect(address) {
            if Instant::now() > patience {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let _gone =
            group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
        let _reaped = self.child.wait();
    }
}
