//! The face of the room: what the application asks of playback and what it is told.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::output::{Event, Shared, start_output};
use super::transport::Command;
use crate::signal::Waveform;

/// The speeds that can be asked for, either direction.
const SLOWEST: f64 = 0.25;
const FASTEST: f64 = 4.0;
/// A loop shorter than this is not one.
const SHORTEST_LOOP_SECS: f64 = 0.001;

/// What leads the clock.
#[derive(Clone, Debug, PartialEq)]
pub enum Device {
    /// The sound card of this name.
    Named(Arc<str>),
    /// The wall clock, without sound; also while a device is being opened.
    Silent,
}

/// How playback stands at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaybackState {
    /// The place of the clip that is heard now, in seconds of clip time. While it plays it never steps back, but for
    /// loops and seeks; while it does not, it is exactly the place that was asked for.
    pub position_secs: f64,
    /// Whether it plays: false from the moment that the end is heard.
    pub playing: bool,
    /// The speed that was asked for.
    pub speed: f64,
    /// Whether the position stands at the end of the clip.
    pub at_end: bool,
    pub device: Device,
    /// What the user should know about the device, oldest first, each once since the start.
    pub notices: Vec<String>,
}

/// Plays the sound of one clip and leads its clock. No call waits for the device or for the sound thread.
pub struct Player {
    shared: Arc<Shared>,
    commands: Sender<Command>,
    events: Sender<Event>,
    /// Where it stands while it does not play; where it began while it does.
    position_secs: f64,
    playing: bool,
    generation: u64,
    duration_secs: f64,
    speed: f64,
    repeat_secs: Option<(f64, f64)>,
    volume: f32,
    muted: bool,
    /// Sounds that were handed over. They are freed here and not on the sound thread.
    sounds: Vec<Arc<Waveform>>,
}

impl Player {
    /// Starts the clock at once and opens the default output beside it. `wake` is called from other threads when the
    /// state has changed by itself: a device that came or went, a notice, the end of the clip.
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (shared, commands, events) = start_output(wake);
        Self::over(shared, commands, events)
    }

    fn over(shared: Arc<Shared>, commands: Sender<Command>, events: Sender<Event>) -> Self {
        Self {
            shared,
            commands,
            events,
            position_secs: 0.0,
            playing: false,
            generation: 0,
            duration_secs: 0.0,
            speed: 1.0,
            repeat_secs: None,
            volume: 1.0,
            muted: false,
            sounds: Vec::new(),
        }
    }

    /// Another clip: paused at its beginning, without a loop. The first sample of `sound` stands at `start_secs` of
    /// clip time. Speed and volume stay.
    pub fn set_track(&mut self, sound: Option<Arc<Waveform>>, start_secs: f64, clip_duration_secs: f64) {
        self.keep(&sound);
        self.duration_secs = finite(clip_duration_secs).max(0.0);
        self.position_secs = 0.0;
        self.playing = false;
        self.repeat_secs = None;
        self.generation += 1;
        self.send(Command::Clip {
            sound,
            start_secs: finite(start_secs),
            duration_secs: self.duration_secs,
            generation: self.generation,
        });
    }

    /// Another sound for the same clip, at the same place, also while it plays.
    pub fn set_sound(&mut self, sound: Option<Arc<Waveform>>, start_secs: f64) {
        self.keep(&sound);
        self.send(Command::Sound { sound, start_secs: finite(start_secs) });
    }

    /// Plays from where it stands; from the other end where it stands at the end.
    pub fn play(&mut self) {
        let state = self.state();
        if state.playing {
            return;
        }
        let start_secs = match self.speed {
            speed if speed > 0.0 && state.at_end => self.repeat_secs.map_or(0.0, |(start, _)| start),
            speed if speed < 0.0 && state.position_secs <= 0.0 => self.duration_secs,
            _ => state.position_secs,
        };
        self.go(start_secs, true);
        // Asking to play is the moment to look for a device again.
        let _ = self.events.send(Event::WantSound);
    }

    /// Stops at the place that is heard now.
    pub fn pause(&mut self) {
        if self.playing {
            let position_secs = self.state().position_secs;
            self.go(position_secs, false);
        }
    }

    pub fn toggle(&mut self) {
        if self.state().playing { self.pause() } else { self.play() }
    }

    /// Goes to `position_secs` of clip time, and goes on playing if it plays.
    pub fn seek(&mut self, position_secs: f64) {
        let playing = self.state().playing;
        self.go(finite(position_secs).clamp(0.0, self.duration_secs), playing);
    }

    /// Speed with the pitch kept, 0.25 to 4; backwards, −0.25 to −4, without sound.
    pub fn set_speed(&mut self, speed: f64) {
        let speed = if speed.is_finite() { speed } else { 1.0 };
        self.speed = speed.abs().clamp(SLOWEST, FASTEST).copysign(speed);
        self.send(Command::Speed(self.speed));
    }

    /// Repeats from the first to the second place, in seconds of clip time, exact to the sample at speed 1.
    pub fn set_loop(&mut self, repeat_secs: Option<(f64, f64)>) {
        self.repeat_secs = repeat_secs
            .map(|(start, end)| (finite(start).clamp(0.0, self.duration_secs), finite(end).min(self.duration_secs)))
            .filter(|(start, end)| end - start >= SHORTEST_LOOP_SECS);
        self.send(Command::Loop(self.repeat_secs));
    }

    /// The factor on every sample, 0 to 1.
    pub fn set_volume(&mut self, volume: f32) {
        self.volume = if volume.is_finite() { volume.clamp(0.0, 1.0) } else { 1.0 };
        self.send_gain();
    }

    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.send_gain();
    }

    pub fn volume(&self) -> f32 {
        self.volume
    }

    pub fn muted(&self) -> bool {
        self.muted
    }

    /// The loop as it is in force.
    pub fn loop_secs(&self) -> Option<(f64, f64)> {
        self.repeat_secs
    }

    /// Lets some 80 ms from `position_secs` on be heard, for a cursor that is dragged. Silent while it plays.
    pub fn scrub_snippet(&mut self, position_secs: f64) {
        if !self.playing {
            self.send(Command::Snippet { position_secs: finite(position_secs).clamp(0.0, self.duration_secs) });
        }
    }

    /// Tries again to open the default output device, if none plays.
    pub fn reopen_device(&mut self) {
        let _ = self.events.send(Event::Reopen);
    }

    /// How it stands now.
    pub fn state(&self) -> PlaybackState {
        let (device, notices) = self.shared.device_and_notices();
        let (position_secs, moving) = match self.shared.heard() {
            heard if self.playing && heard.generation == self.generation => {
                (heard.position_secs.clamp(0.0, self.duration_secs), heard.moving)
            }
            // The last command is still on its way to the sound thread.
            _ => (self.position_secs, self.playing),
        };
        let at_end = position_secs >= self.duration_secs;
        let at_stop = if self.speed > 0.0 { at_end } else { position_secs <= 0.0 };
        PlaybackState {
            position_secs,
            playing: self.playing && (moving || !at_stop),
            speed: self.speed,
            at_end,
            device,
            notices,
        }
    }

    fn go(&mut self, position_secs: f64, playing: bool) {
        self.position_secs = position_secs;
        self.playing = playing;
        self.generation += 1;
        self.send(Command::Place { position_secs, playing, generation: self.generation });
    }

    fn send_gain(&self) {
        self.send(Command::Gain(if self.muted { 0.0 } else { self.volume }));
    }

    fn send(&self, command: Command) {
        // The receiver lives as long as `shared`; there is nothing to tell if it should be gone.
        let _ = self.commands.send(command);
    }

    fn keep(&mut self, sound: &Option<Arc<Waveform>>) {
        self.sounds.retain(|kept| Arc::strong_count(kept) > 1);
        self.sounds.extend(sound.clone());
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Quit);
    }
}

fn finite(secs: f64) -> f64 {
    if secs.is_finite() { secs } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A player whose commands nobody has obeyed yet, as at the instant after a call.
    fn player() -> Player {
        let (shared, commands) = Shared::new();
        let mut player = Player::over(shared, commands, crossbeam_channel::unbounded().0);
        player.set_track(None, 0.0, 10.0);
        player
    }

    #[test]
    fn a_command_shows_at_once() {
        let mut player = player();
        player.seek(3.2);
        assert_eq!(player.state().position_secs, 3.2);
        assert!(!player.state().playing);
        player.toggle();
        assert!(player.state().playing);
        player.seek(7.0);
        assert_eq!((player.state().position_secs, player.state().playing), (7.0, true));
        player.toggle();
        assert_eq!((player.state().position_secs, player.state().playing), (7.0, false));
    }

    #[test]
    fn playing_at_the_end_begins_anew() {
        let mut player = player();
        player.seek(99.0);
        assert!(player.state().at_end && player.state().position_secs == 10.0);
        player.play();
        assert_eq!((player.state().position_secs, player.state().playing), (0.0, true));
        player.pause();
        player.set_loop(Some((4.0, 6.0)));
        player.seek(10.0);
        player.play();
        assert_eq!(player.state().position_secs, 4.0);
        player.pause();
        player.set_speed(-1.0);
        player.seek(0.0);
        player.play();
        assert_eq!(player.state().position_secs, 10.0);
    }

    #[test]
    fn what_makes_no_sense_is_brought_to_sense() {
        let mut player = player();
        player.set_speed(100.0);
        assert_eq!(player.state().speed, 4.0);
        player.set_speed(-0.1);
        assert_eq!(player.state().speed, -0.25);
        player.set_speed(f64::NAN);
        assert_eq!(player.state().speed, 1.0);
        player.seek(f64::NAN);
        assert_eq!(player.state().position_secs, 0.0);
        player.set_loop(Some((5.0, 5.0)));
        assert_eq!(player.loop_secs(), None);
        player.set_loop(Some((-3.0, 99.0)));
        assert_eq!(player.loop_secs(), Some((0.0, 10.0)));
        player.set_volume(7.0);
        assert_eq!(player.volume(), 1.0);
    }

    #[test]
    fn another_clip_begins_paused_and_without_a_loop() {
        let mut player = player();
        player.set_loop(Some((1.0, 2.0)));
        player.seek(5.0);
        player.play();
        player.set_track(None, 0.0, 3.0);
        let state = player.state();
        assert_eq!((state.position_secs, state.playing, player.loop_secs()), (0.0, false, None));
    }
}
