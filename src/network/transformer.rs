//! Pre-norm transformer blocks as CLIP has them: heads of 64, QuickGELU.

use candle_core::{D, Device, Tensor};

use super::features::with_values;
use super::kernels::buffer::Scratch;
use super::kernels::linear::{Attention, PackedLinear, layer_norm_rows};
use super::kernels::panel::Finish;
use super::linear::Activation;
use super::norm::{EPSILON, LayerNorm};
use super::{Linear, NetworkError, StateView};

/// Width of one attention head in every CLIP.
pub(super) const HEAD_WIDTH: usize = 64;

/// One residual attention block: `x += attention(ln_1 x)`, `x += mlp(ln_2 x)`.
pub(super) struct Block {
    ln_1: LayerNorm,
    in_proj: Linear,
    out_proj: Linear,
    pub ln_2: LayerNorm,
    c_fc: Linear,
    c_proj: Linear,
    width: usize,
    heads: usize,
}

/// What one token's way through a block leaves behind.
pub(super) struct BlockTrace {
    /// The token after attention and after the block (W each).
    pub attended: Tensor,
    pub output: Tensor,
    /// The values of all tokens (T×W).
    pub values: Tensor,
    /// The token's attention probabilities (heads×T).
    pub attention: Tensor,
}

impl Block {
    pub fn new(weights: &StateView, width: usize) -> Result<Self, NetworkError> {
        if width == 0 || !width.is_multiple_of(HEAD_WIDTH) {
            let problem = format!("a width of {width} is no multiple of the head width {HEAD_WIDTH}");
            return Err(weights.invalid("attn.in_proj_weight", problem).into());
        }
        weights.weight_of_shape("attn.in_proj_weight", &[3 * width, width])?;
        weights.weight_of_shape("attn.out_proj.weight", &[width, width])?;
        let hidden = weights.weight_of_rank("mlp.c_fc.weight", 2)?.dim(0)?;
        weights.weight_of_shape("mlp.c_fc.weight", &[hidden, width])?;
        weights.weight_of_shape("mlp.c_proj.weight", &[width, hidden])?;
        Ok(Self {
            ln_1: LayerNorm::new(&weights.under("ln_1."), width)?,
            in_proj: Linear::of_keys(weights, "attn.in_proj_weight", "attn.in_proj_bias", Activation::None)?,
            out_proj: Linear::new(weights, "attn.out_proj", Activation::None)?,
            ln_2: LayerNorm::new(&weights.under("ln_2."), width)?,
            c_fc: Linear::new(weights, "mlp.c_fc", Activation::QuickGelu)?,
            c_proj: Linear::new(weights, "mlp.c_proj", Activation::None)?,
            width,
            heads: width / HEAD_WIDTH,
        })
    }

    fn packed(&self) -> Option<PackedBlock<'_>> {
        Some(PackedBlock {
            block: self,
            in_proj: self.in_proj.packed()?.0,
            out_proj: self.out_proj.packed()?.0,
            c_fc: self.c_fc.packed()?.0,
            c_proj: self.c_proj.packed()?.0,
        })
    }

    /// On any device by candle's operations. `x` is N×T×width.
    fn forward_plain(&self, x: &Tensor, causal: bool) -> Result<Tensor, NetworkError> {
        Ok(self.attend_plain(x, causal)?.0)
    }

    /// The block's output, the values (N×heads×T×64) and the probabilities (N×heads×T×T), and the state between
    /// attention and multilayer perceptron.
    fn attend_plain(&self, x: &Tensor, causal: bool) -> Result<(Tensor, Tensor, Tensor, Tensor), NetworkError> {
        let (n, tokens, width) = x.dims3()?;
        let qkv = self.in_proj.forward(&self.ln_1.apply(x)?)?;
        let split = |part: usize| -> Result<Tensor, candle_core::Error> {
            let part = qkv.narrow(D::Minus1, part * width, width)?;
            part.reshape((n, tokens, self.heads, HEAD_WIDTH))?.transpose(1, 2)?.contiguous()
        };
        let (queries, keys, values) = (split(0)?, split(1)?, split(2)?);
        let mut scores = (queries.matmul(&keys.t()?.contiguous()?)? * (HEAD_WIDTH as f64).powf(-0.5))?;
        if causal {
            scores = scores.broadcast_add(&causal_mask(tokens, x)?)?;
        }
        let exponentials = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let attention = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?;
        let mixed = attention.matmul(&values)?.transpose(1, 2)?.reshape((n, tokens, width))?;
        let attended = (x + self.out_proj.forward(&mixed)?)?;
        let output = (&attended + self.c_proj.forward(&self.c_fc.forward(&self.ln_2.apply(&attended)?)?)?)?;
        Ok((output, values, attention, attended))
    }
}

fn causal_mask(tokens: usize, like: &Tensor) -> Result<Tensor, NetworkError> {
    let mask: Vec<f32> =
        (0..tokens * tokens).map(|i| if i % tokens > i / tokens { f32::NEG_INFINITY } else { 0.0 }).collect();
    Ok(Tensor::from_vec(mask, (tokens, tokens), like.device())?)
}

/// A block whose weights are packed, working on plain rows of tokens.
struct PackedBlock<'a> {
    block: &'a Block,
    in_proj: &'a PackedLinear,
    out_proj: &'a PackedLinear,
    c_fc: &'a PackedLinear,
    c_proj: &'a PackedLinear,
}

/// What of a packed block is kept beside its answer.
struct PackedTrace {
    qkv: Scratch,
    attended: Scratch,
    probabilities: Vec<f32>,
}

impl PackedBlock<'_> {
    /// `x` holds N sequences of `tokens` rows. Answers the wanted queries of each sequence (the first of them and
    /// how many). The probabilities are kept only where `keep` says so.
    fn run(
        &self,
        x: &[f32],
        tokens: usize,
        causal: bool,
        queries: (usize, usize),
        keep: bool,
    ) -> (Scratch, PackedTrace) {
        let width = self.block.width;
        let (first, count) = queries;
        let sequences = x.len() / (tokens * width);
        let kernels = self.in_proj.kernels();
        let norm = |norm: &LayerNorm, x: &[f32]| {
            let mut y = Scratch::take(x.len());
            layer_norm_rows(kernels, x, norm.weight_values(), norm.bias_values(), EPSILON as f32, &mut y);
            y
        };
        let mut qkv = Scratch::take(3 * x.len());
        self.in_proj.run(&norm(&self.block.ln_1, x), width, None, Finish::Plain, &mut qkv);
        let mut mixed = Scratch::take(sequences * count * width);
        let kept = if keep { self.block.heads * count * tokens } else { 0 };
        let mut probabilities = vec![0f32; sequences * kept];
        for sequence in 0..sequences {
            let attention = Attention {
                kernels,
                qkv: &qkv[sequence * tokens * 3 * width..][..tokens * 3 * width],
                tokens,
                heads: self.block.heads,
                head_width: HEAD_WIDTH,
                causal,
                queries,
            };
            let mixed = &mut mixed[sequence * count * width..][..count * width];
            attention.run(mixed, &mut probabilities[sequence * kept..][..kept]);
        }
        let mut attended = Scratch::take(mixed.len());
        if count == tokens {
            self.out_proj.run(&mixed, width, Some((x, width)), Finish::Plain, &mut attended);
        } else {
            for sequence in 0..sequences {
                let rows = sequence * count * width..(sequence + 1) * count * width;
                let before = &x[(sequence * tokens + first) * width..][..count * width];
                self.out_proj.run(
                    &mixed[rows.clone()],
                    width,
                    Some((before, width)),
                    Finish::Plain,
                    &mut attended[rows],
                );
            }
        }
        let hidden_width = self.c_fc.out_features();
        let mut hidden = Scratch::take(sequences * count * hidden_width);
        self.c_fc.run(&norm(&self.block.ln_2, &attended), width, None, Finish::QuickGelu, &mut hidden);
        let mut output = Scratch::take(attended.len());
        self.c_proj.run(&hidden, hidden_width, Some((&attended, width)), Finish::Plain, &mut output);
        (output, PackedTrace { qkv, attended, probabilities })
    }
}

/// A sequence of blocks.
pub(super) struct Transformer {
    blocks: Vec<Block>,
    width: usize,
    causal: bool,
}

impl Transformer {
    /// The blocks `transformer.resblocks.0.` and so on, as many as there are. With `causal`, a token sees only itself
    /// and those before it.
    pub fn new(weights: &StateView, width: usize, causal: bool) -> Result<Self, NetworkError> {
        let mut blocks = Vec::new();
        loop {
            let below = weights.under(&format!("transformer.resblocks.{}.", blocks.len()));
            if !blocks.is_empty() && !below.contains("ln_1.weight") {
                return Ok(Self { blocks, width, causal });
            }
            blocks.push(Block::new(&below, width)?);
        }
    }

    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The second layer norm of the last block.
    pub fn last_ln_2(&self) -> Option<&LayerNorm> {
        self.blocks.last().map(|block| &block.ln_2)
    }

    /// N×T×W through all blocks; of the answer only one token of each sequence (N×W) is computed.
    pub fn forward_token(&self, x: &Tensor, token: usize) -> Result<Tensor, NetworkError> {
        let (n, tokens, width) = self.check(x, token)?;
        let Some(packed) = self.packed() else {
            let mut x = x.clone();
            for block in &self.blocks {
                x = block.forward_plain(&x, self.causal)?;
            }
            return Ok(x.narrow(1, token, 1)?.reshape((n, width))?);
        };
        let mut rows = rows_of(x)?;
        for (index, block) in packed.iter().enumerate() {
            let queries = if index + 1 == packed.len() { (token, 1) } else { (0, tokens) };
            rows = block.run(&rows, tokens, self.causal, queries, false).0;
        }
        Ok(Tensor::from_slice(&rows, (n, width), &Device::Cpu)?)
    }

    /// One sequence (1×T×W) through all blocks: the last block's input (T×W) and what one token leaves behind there.
    pub fn trace_token(&self, x: &Tensor, token: usize) -> Result<(Tensor, BlockTrace), NetworkError> {
        let (n, tokens, width) = self.check(x, token)?;
        if n != 1 {
            return Err(NetworkError::input("a traced transformer", "one sequence", x.dims()));
        }
        let Some(packed) = self.packed() else {
            return self.trace_plain(x, token);
        };
        let mut rows = rows_of(x)?;
        let Some((last, before)) = packed.split_last() else {
            return Err(NetworkError::input("a transformer without blocks", "at least one", &[0]));
        };
        for block in before {
            rows = block.run(&rows, tokens, self.causal, (0, tokens), false).0;
        }
        let (output, trace) = last.run(&rows, tokens, self.causal, (token, 1), true);
        let values: Vec<f32> =
            trace.qkv.chunks_exact(3 * width).flat_map(|row| row[2 * width..].iter().copied()).collect();
        let heads = trace.probabilities.len() / tokens;
        let block_trace = BlockTrace {
            attended: Tensor::from_slice(&trace.attended, width, &Device::Cpu)?,
            output: Tensor::from_slice(&output, width, &Device::Cpu)?,
            values: Tensor::from_vec(values, (tokens, width), &Device::Cpu)?,
            attention: Tensor::from_vec(trace.probabilities, (heads, tokens), &Device::Cpu)?,
        };
        Ok((Tensor::from_slice(&rows, (tokens, width), &Device::Cpu)?, block_trace))
    }

    fn trace_plain(&self, x: &Tensor, token: usize) -> Result<(Tensor, BlockTrace), NetworkError> {
        let mut x = x.clone();
        let Some((last, before)) = self.blocks.split_last() else {
            return Err(NetworkError::input("a transformer without blocks", "at least one", &[0]));
        };
        for block in before {
            x = block.forward_plain(&x, self.causal)?;
        }
        let (output, values, attention, attended) = last.attend_plain(&x, self.causal)?;
        let row = |x: &Tensor| x.get(0)?.get(token);
        let (_, heads, tokens, _) = attention.dims4()?;
        let trace = BlockTrace {
            attended: row(&attended)?,
            output: row(&output)?,
            values: values.get(0)?.transpose(0, 1)?.reshape((tokens, self.width))?,
            attention: attention.get(0)?.narrow(1, token, 1)?.reshape((heads, tokens))?,
        };
        Ok((x.get(0)?, trace))
    }

    fn packed(&self) -> Option<Vec<PackedBlock<'_>>> {
        self.blocks.iter().map(Block::packed).collect()
    }

    fn check(&self, x: &Tensor, token: usize) -> Result<(usize, usize, usize), NetworkError> {
        match x.dims() {
            &[n, tokens, width] if width == self.width && token < tokens && n > 0 => Ok((n, tokens, width)),
            found => {
                Err(NetworkError::input("a transformer", format!("N×T×{} beyond token {token}", self.width), found))
            }
        }
    }
}

fn rows_of(x: &Tensor) -> Result<Scratch, NetworkError> {
    with_values("a transformer", x, |values| {
        let mut rows = Scratch::take(values.len());
        rows.copy_from_slice(values);
        rows
    })
}
