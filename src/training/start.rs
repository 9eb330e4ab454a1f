//! Starting from what another model has learned: its backbones, whatever the systems call them.

use std::path::Path;

use super::TrainError;
use super::learners::Learner;
use crate::network::checkpoint;

/// What systems call their backbones, the side of the picture and the side of the sound.
const SIDES: [&[&str]; 2] =
    [&["imgnet.", "momentum_imgnet.", "image_encoder."], &["audnet.", "momentum_audnet.", "audio_encoder."]];

/// Takes over every tensor of the backbones that the weights have in the same shape; heads stay fresh.
///
/// # Errors
/// Weights that cannot be read, and such that share no tensor with the learner.
pub(super) fn start_from(path: &Path, learner: &mut dyn Learner) -> Result<(), TrainError> {
    let unusable = |problem: String| TrainError::Teacher { path: path.to_owned(), problem };
    let weights = checkpoint::read(path).and_then(|weights| weights.state_dict());
    let weights = weights.map_err(|error| unusable(error.to_string()))?;
    let mut taken = 0;
    let mut outcome = Ok(());
    learner.visit(&mut |parameter| {
        let side = SIDES.iter().find(|names| names.iter().any(|name| parameter.key.starts_with(name)));
        let Some(names) = side else { return };
        let own = names.iter().find_map(|name| parameter.key.strip_prefix(name)).unwrap_or_default();
        // LVS' class calls the first convolution of the sound's side by another name.
        let layers = [own, if own == "conv1.weight" { "conv1_a.weight" } else { own }];
        let layers = if own == "conv1_a.weight" { [own, "conv1.weight"] } else { layers };
        let found = names
            .iter()
            .flat_map(|name| layers.map(|layer| format!("{name}{layer}")))
            .find(|key| weights.get(key).is_some_and(|tensor| tensor.dims() == parameter.shape.as_slice()));
        if let Some(key) = found
            && let Some(tensor) = weights.get(&key)
        {
            let renamed = [(parameter.key.clone(), tensor.clone())].into_iter().collect();
            match parameter.import(&renamed) {
                Ok(()) => taken += 1,
                Err(error) => outcome = Err(error),
            }
        }
    });
    outcome?;
    if taken == 0 {
        return Err(unusable("no tensor of its backbones has a place in this system at these widths".to_owned()));
    }
    Ok(())
}
