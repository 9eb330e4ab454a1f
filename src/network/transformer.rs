//! Pre-norm transformer blocks as CLIP has them: heads of 64, QuickGELU.

use candle_core::{D, Tensor};

use super::linear::Activation;
use super::norm::LayerNorm;
use super::{Linear, NetworkError, StateView};

/// Width of one attention head in every CLIP.
pub(super) const HEAD_WIDTH: usize = 64;

/// One residual attention block: `x += attention(ln_1 x)`, `x += mlp(ln_2 x)`.
pub(super) struct Block {
    pub ln_1: LayerNorm,
    pub in_proj: Linear,
    pub out_proj: Linear,
    pub ln_2: LayerNorm,
    pub c_fc: Linear,
    pub c_proj: Linear,
    heads: usize,
}

impl Block {
    pub fn new(weights: &StateView, width: usize) -> Result<Self, NetworkError> {
        if width == 0 || !width.is_multiple_of(HEAD_WIDTH) {
            let problem = format!("a width of {width} is no multiple of the head width {HEAD_WIDTH}");
            return Err(weights.invalid("attn.in_proj_weight", problem).into());
        }
        let in_weight = weights.weight_of_shape("attn.in_proj_weight", &[3 * width, width])?;
        let in_bias = weights.weight_of_shape("attn.in_proj_bias", &[3 * width])?;
        let in_name = weights.full_key("attn.in_proj");
        weights.weight_of_shape("attn.out_proj.weight", &[width, width])?;
        let hidden = weights.weight_of_rank("mlp.c_fc.weight", 2)?.dim(0)?;
        weights.weight_of_shape("mlp.c_fc.weight", &[hidden, width])?;
        weights.weight_of_shape("mlp.c_proj.weight", &[width, hidden])?;
        Ok(Self {
            ln_1: LayerNorm::new(&weights.under("ln_1."), width)?,
            in_proj: Linear::from_tensors(in_name, in_weight, Some(in_bias), Activation::None),
            out_proj: Linear::new(weights, "attn.out_proj", Activation::None)?,
            ln_2: LayerNorm::new(&weights.under("ln_2."), width)?,
            c_fc: Linear::new(weights, "mlp.c_fc", Activation::QuickGelu)?,
            c_proj: Linear::new(weights, "mlp.c_proj", Activation::None)?,
            heads: width / HEAD_WIDTH,
        })
    }

    /// `x` is N×T×width. With `causal`, a token sees only itself and those before it.
    pub fn forward(&self, x: &Tensor, causal: bool) -> Result<Tensor, NetworkError> {
        Ok(self.forward_traced(x, causal)?.0)
    }

    /// Also returns the values (N×T×width) and the attention probabilities (N×heads×T×T).
    pub fn forward_traced(&self, x: &Tensor, causal: bool) -> Result<(Tensor, Tensor, Tensor), NetworkError> {
        let (n, tokens, width) = x.dims3()?;
        let qkv = self.in_proj.forward(&self.ln_1.apply(x)?)?;
        let split = |part: usize| -> Result<Tensor, candle_core::Error> {
            qkv.narrow(D::Minus1, part * width, width)?
                .reshape((n, tokens, self.heads, HEAD_WIDTH))?
                .transpose(1, 2)?
                .contiguous()
        };
        let (queries, keys, values) = (split(0)?, split(1)?, split(2)?);
        let mut scores = (queries.matmul(&keys.t()?.contiguous()?)? * (HEAD_WIDTH as f64).powf(-0.5))?;
        if causal {
            scores = scores.broadcast_add(&causal_mask(tokens, x)?)?;
        }
        let exponentials = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let attention = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?;
        let mixed = attention.matmul(&values)?.transpose(1, 2)?.reshape((n, tokens, width))?;
        let x = (x + self.out_proj.forward(&mixed)?)?;
        let x = (&x + self.c_proj.forward(&self.c_fc.forward(&self.ln_2.apply(&x)?)?)?)?;
        Ok((x, values.transpose(1, 2)?.reshape((n, tokens, width))?, attention))
    }
}

fn causal_mask(tokens: usize, like: &Tensor) -> Result<Tensor, NetworkError> {
    let mask: Vec<f32> =
        (0..tokens * tokens).map(|i| if i % tokens > i / tokens { f32::NEG_INFINITY } else { 0.0 }).collect();
    Ok(Tensor::from_vec(mask, (tokens, tokens), like.device())?)
}

/// The blocks `transformer.resblocks.0.` and so on, as many as there are.
pub(super) fn read_blocks(weights: &StateView, width: usize) -> Result<Vec<Block>, NetworkError> {
    let mut blocks = Vec::new();
    loop {
        let below = weights.under(&format!("transformer.resblocks.{}.", blocks.len()));
        if !below.contains("ln_1.weight") && !blocks.is_empty() {
            return Ok(blocks);
        }
        blocks.push(Block::new(&below, width)?);
    }
}
