/// Softmax in place.
pub(super) fn softmax(values: &mut [f64]) {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|value| *value /= sum);
}

/// Cross-entropy of logits with one right answer: the loss and its gradient by the logits.
pub(super) fn cross_entropy(logits: &[f64], target: usize) -> (f64, Vec<f64>) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let mut gradient: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp() / sum).collect();
    gradient[target] -= 1.0;
    (largest + sum.ln() - logits[target], gradient)
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
