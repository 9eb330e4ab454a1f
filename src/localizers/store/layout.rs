//! What the weight files of the field hold: every key and shape of every network, built from the network's own plan.
//! The widths of the backbones are taken from the file, so that a narrower network of the same plan fits too.

use std::collections::BTreeMap;

use crate::localizers::dsol::DICTIONARY;
use crate::network::{Misshapen, WeightError};

/// Shapes by key, of a file or of a network.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A kind of weight file: one network of one system, or of several that share it.
#[derive(Debug)]
pub struct Layout {
    /// As in `model.toml`.
    pub id: &'static str,
    /// What it is, on screen.
    pub name: &'static str,
    /// The systems that such a file can belong to, the likeliest first.
    pub systems: &'static [&'static str],
    build: fn(&mut Plan<'_>),
}

impl Layout {
    /// Every key that the network needs, with its shape; widths as in `found`, else as published.
    pub fn expected(&self, found: &Shapes) -> Shapes {
        self.plan(found).shapes
    }

    fn plan<'a>(&self, found: &'a Shapes) -> Plan<'a> {
        let mut plan = Plan { found, shapes: Shapes::new(), unused: Vec::new() };
        (self.build)(&mut plan);
        plan
    }

    /// Compares a file with what the network needs.
    pub fn compare(&self, found: &Shapes) -> Comparison {
        let Plan { shapes: expected, unused, .. } = self.plan(found);
        let mut comparison = Comparison { needed: expected.len(), ..Comparison::default() };
        for (key, shape) in &expected {
            match found.get(key) {
                None => comparison.missing.push(key.clone()),
                Some(other) if other != shape => comparison.misshapen.push(Misshapen {
                    key: key.clone(),
                    expected: shape.clone(),
                    found: other.clone(),
                }),
                Some(_) => {}
            }
        }
        let is_unused = |key: &str| key.ends_with(BATCH_COUNTER) || unused.iter().any(|unused| key.starts_with(unused));
        let extra = found.keys().filter(|key| !expected.contains_key(*key) && !is_unused(key));
        comparison.extra = extra.cloned().collect();
        comparison
    }
}

/// How a file differs from what a network needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Number of keys that the network needs.
    pub needed: usize,
    pub missing: Vec<String>,
    pub misshapen: Vec<Misshapen>,
    /// Keys that the network does not know; they do no harm. What every such file carries without need (counters of
    /// batches, the classifier of a backbone whose features are used) is not among them.
    pub extra: Vec<String>,
}

impl Comparison {
    pub fn fits(&self) -> bool {
        self.missing.is_empty() && self.misshapen.is_empty()
    }

    /// Number of keys that are there with the right shape.
    pub fn matched(&self) -> usize {
        self.needed - self.missing.len() - self.misshapen.len()
    }

    /// Refuses a file that lacks something, naming all of it; keys that are too much are no reason.
    pub fn check(&self) -> Result<(), WeightError> {
        if self.fits() {
            return Ok(());
        }
        let (missing, misshapen) = (self.missing.clone(), self.misshapen.clone());
        Err(WeightError::Mismatch { missing, extra: self.extra.clone(), misshapen })
    }
}

/// All layouts that are known.
pub fn layouts() -> &'static [Layout] {
    &LAYOUTS
}

/// The layout with this id.
pub fn find(id: &str) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.id == id)
}

static LAYOUTS: [Layout; 20] = [
    layout("avenet", "two-stream ResNet-18 of LVS", &["lvs", "alignment", "hardpos", "alignment-ogl"], avenet),
    layout("ssl-tie", "SSL-TIE", &["ssl-tie"], ssl_tie),
    layout("ez-vsl", "EZ-VSL", &["ez-vsl", "fnac", "ez-vsl-ogl"], ez_vsl),
    layout("slavc", "SLAVC, online and momentum branch", &["slavc", "slavc-ogl"], slavc),
    layout("rcgrad", "RCGrad", &["rcgrad"], rcgrad),
    layout("clip", "CLIP with a vision transformer", &["clip-text", "clip-audio"], clip),
    layout("wav2clip", "Wav2CLIP", &["clip-audio"], wav2clip),
    layout("avol", "AVOL-net", &["avol"], avol),
    layout("ave-net", "AVE-net", &[], ave_net),
    layout("l3-net", "L3-net", &[], l3_net),
    layout("hear-the-flow", "HearTheFlow", &["hear-the-flow"], hear_the_flow),
    layout("attention10k", "Attention10k", &["attention10k"], attention10k),
    layout("sspl-frame", "SSPL, image side", &["sspl"], sspl_frame),
    layout("sspl-sound", "SSPL, sound side", &["sspl"], sspl_sound),
    layout("sspl-pcm", "SSPL, predictive coding module", &["sspl"], sspl_pcm),
    layout("dsol", "DSOL, first or second stage", &["dsol"], dsol),
    layout("dsol-dictionary", "DSOL, dictionary of categories", &["dsol"], dsol_dictionary),
    layout("dmc", "DMC, simplified", &["dmc"], dmc),
    layout("coarse-to-fine", "CoarseToFine", &["coarse-to-fine"], coarse_to_fine),
    layout(
        "resnet18",
        "ResNet-18 for ImageNet (the object side of OGL)",
        &["ez-vsl-ogl", "slavc-ogl", "alignment-ogl"],
        |plan| plan.resnet18("", &[("conv1", 3)]),
    ),
];

const fn layout(
    id: &'static str,
    name: &'static str,
    systems: &'static [&'static str],
    build: fn(&mut Plan<'_>),
) -> Layout {
    Layout { id, name, systems, build }
}

/// Keys and shapes under construction.
struct Plan<'a> {
    found: &'a Shapes,
    shapes: Shapes,
    /// Prefixes of keys that published files carry and nothing uses.
    unused: Vec<String>,
}

/// Batch norm counts its training steps.
const BATCH_COUNTER: &str = ".num_batches_tracked";

/// The stems of LVS's ResNet-18: sound, image, optical flow. Each network uses one of them.
const LVS_STEMS: [(&str, usize); 3] = [("conv1_a", 1), ("conv1", 3), ("conv1_flow", 6)];
/// The same without optical flow, in DMC, DSOL and CoarseToFine.
const BASE_STEMS: [(&str, usize); 2] = [("conv1_a", 1), ("conv1", 3)];
/// Convolutions of VGG-16 up to conv5_3 as (index in `features`, input, output).
const VGG16: [(usize, usize, usize); 13] = [
    (0, 3, 64),
    (2, 64, 64),
    (5, 64, 128),
    (7, 128, 128),
    (10, 128, 256),
    (12, 256, 256),
    (14, 256, 256),
    (17, 256, 512),
    (19, 512, 512),
    (21, 512, 512),
    (24, 512, 512),
    (26, 512, 512),
    (28, 512, 512),
];

impl Plan<'_> {
    fn add(&mut self, key: impl Into<String>, shape: &[usize]) {
        self.shapes.insert(key.into(), shape.to_vec());
    }

    fn unused(&mut self, prefix: &str) {
        self.unused.push(prefix.to_owned());
    }

    /// A dimension of the file's tensor, or the published one where the file has no such tensor.
    fn dimension(&self, key: &str, axis: usize, published: usize) -> usize {
        self.found.get(key).and_then(|shape| shape.get(axis)).copied().unwrap_or(published)
    }

    /// A convolution or a linear layer with its bias.
    fn layer(&mut self, name: &str, shape: &[usize]) {
        self.add(format!("{name}.weight"), shape);
        self.add(format!("{name}.bias"), &shape[..1]);
    }

    fn batch_norm(&mut self, name: &str, channels: usize) {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.add(format!("{name}.{part}"), &[channels]);
        }
    }

    /// Channels that a ResNet-18 ends with.
    fn resnet18_channels(&self, prefix: &str) -> usize {
        self.dimension(&format!("{prefix}layer4.0.conv1.weight"), 0, 512)
    }

    /// torchvision's ResNet-18 without its classifier.
    fn resnet18(&mut self, prefix: &str, stems: &[(&str, usize)]) {
        self.unused(&format!("{prefix}fc."));
        let mut channels = self.dimension(&format!("{prefix}bn1.weight"), 0, 64);
        for (stem, input) in stems {
            self.add(format!("{prefix}{stem}.weight"), &[channels, *input, 7, 7]);
        }
        self.batch_norm(&format!("{prefix}bn1"), channels);
        for (stage, published) in [(1, 64), (2, 128), (3, 256), (4, 512)] {
            let width = self.dimension(&format!("{prefix}layer{stage}.0.conv1.weight"), 0, published);
            for block in 0..2 {
                let name = format!("{prefix}layer{stage}.{block}");
                let input = if block == 0 { channels } else { width };
                self.add(format!("{name}.conv1.weight"), &[width, input, 3, 3]);
                self.batch_norm(&format!("{name}.bn1"), width);
                self.add(format!("{name}.conv2.weight"), &[width, width, 3, 3]);
                self.batch_norm(&format!("{name}.bn2"), width);
                if block == 0 && stage > 1 {
                    self.add(format!("{name}.downsample.0.weight"), &[width, channels, 1, 1]);
                    self.batch_norm(&format!("{name}.downsample.1"), width);
                }
            }
            channels = width;
        }
    }

    /// Plain convolutions with bias, named by their place in a Sequential.
    fn convolutions(&mut self, prefix: &str, convolutions: &[(usize, usize, usize)]) {
        let mut channels = None;
        for &(index, input, output) in convolutions {
            let name = format!("{prefix}{index}");
            let output = self.dimension(&format!("{name}.weight"), 0, output);
            self.layer(&name, &[output, channels.unwrap_or(input), 3, 3]);
            channels = Some(output);
        }
    }

    /// One side of objects-that-sound: four blocks of two convolutions, each with batch norm.
    fn avol_side(&mut self, prefix: &str, input: usize) {
        let mut channels = input;
        for (block, published) in [(1, 64), (2, 128), (3, 256), (4, 512)] {
            for convolution in 1..=2 {
                let name = format!("{prefix}conv{block}_{convolution}");
                let width = self.dimension(&format!("{name}.weight"), 0, published);
                self.layer(&name, &[width, channels, 3, 3]);
                self.batch_norm(&format!("{prefix}bn{block}_{convolution}"), width);
                channels = width;
            }
        }
    }

    /// CLIP's pre-norm transformer, as deep as the file says.
    fn transformer(&mut self, prefix: &str, width: usize, published_depth: usize) {
        let block = |index: usize| format!("{prefix}resblocks.{index}.");
        let depth = (0..).take_while(|&index| self.has_below(&block(index))).count();
        for index in 0..if depth > 0 { depth } else { published_depth } {
            let name = block(index);
            self.add(format!("{name}attn.in_proj_weight"), &[3 * width, width]);
            self.add(format!("{name}attn.in_proj_bias"), &[3 * width]);
            self.layer(&format!("{name}attn.out_proj"), &[width, width]);
            self.layer(&format!("{name}mlp.c_fc"), &[4 * width, width]);
            self.layer(&format!("{name}mlp.c_proj"), &[width, 4 * width]);
            self.layer(&format!("{name}ln_1"), &[width]);
            self.layer(&format!("{name}ln_2"), &[width]);
        }
    }

    fn has_below(&self, prefix: &str) -> bool {
        self.found.range(prefix.to_owned()..).next().is_some_and(|(key, _)| key.starts_with(prefix))
    }
}

fn avenet(plan: &mut Plan<'_>) {
    plan.resnet18("imgnet.", &LVS_STEMS);
    plan.resnet18("audnet.", &LVS_STEMS);
}

fn ssl_tie(plan: &mut Plan<'_>) {
    avenet(plan);
    let published = [512, 1024, 1, 1];
    let shape = [0, 1, 2, 3].map(|axis| plan.dimension("vision_fc1.weight", axis, published[axis]));
    plan.layer("vision_fc1", &shape);
    plan.layer("conv3", &[1, 1, 1, 1]);
    plan.batch_norm("norm3", 1);
}

fn ez_vsl(plan: &mut Plan<'_>) {
    two_streams(plan, "", &[""]);
}

fn slavc(plan: &mut Plan<'_>) {
    two_streams(plan, "", &["1", "2"]);
    two_streams(plan, "momentum_", &["1", "2"]);
}

/// EZ-VSL's streams: a ResNet-18 and projections for each of image and sound.
fn two_streams(plan: &mut Plan<'_>, prefix: &str, projections: &[&str]) {
    for (net, projection, input, is_image) in [("imgnet", "img_proj", 3, true), ("audnet", "aud_proj", 1, false)] {
        let net = format!("{prefix}{net}.");
        plan.resnet18(&net, &[("conv1", input)]);
        let channels = plan.resnet18_channels(&net);
        for which in projections {
            let name = format!("{prefix}{projection}{which}");
            let output = plan.dimension(&format!("{name}.weight"), 0, 512);
            let shape = [output, channels, 1, 1];
            plan.layer(&name, if is_image { &shape } else { &shape[..2] });
        }
    }
}

fn rcgrad(plan: &mut Plan<'_>) {
    plan.unused("loss_fn");
    plan.resnet18("image_encoder.", &LVS_STEMS);
    sound_encoder(plan);
}

fn wav2clip(plan: &mut Plan<'_>) {
    plan.unused("loss_fn");
    plan.unused("image_transform.");
    sound_encoder(plan);
    let channels = plan.resnet18_channels("audio_encoder.");
    for index in [0, 3] {
        let name = format!("audio_transform.sequential.{index}");
        let output = plan.dimension(&format!("{name}.weight"), 0, 512);
        plan.layer(&name, &[output, if index == 0 { channels } else { output }]);
    }
}

/// The sound side of RCGrad and Wav2CLIP: its spectrogram is a layer of the network.
fn sound_encoder(plan: &mut Plan<'_>) {
    let window = plan.dimension("audio_encoder.spectrogram.window", 0, 512);
    plan.add("audio_encoder.spectrogram.window", &[window]);
    plan.resnet18("audio_encoder.", &[("conv1", 1)]);
}

fn clip(plan: &mut Plan<'_>) {
    for number in ["input_resolution", "context_length", "vocab_size"] {
        plan.unused(number);
    }
    let width = plan.dimension("visual.class_embedding", 0, 768);
    let patch = plan.dimension("visual.conv1.weight", 2, 32);
    let tokens = plan.dimension("visual.positional_embedding", 0, 50);
    let joint = plan.dimension("visual.proj", 1, 512);
    plan.add("visual.class_embedding", &[width]);
    plan.add("visual.positional_embedding", &[tokens, width]);
    plan.add("visual.proj", &[width, joint]);
    plan.add("visual.conv1.weight", &[width, 3, patch, patch]);
    plan.layer("visual.ln_pre", &[width]);
    plan.layer("visual.ln_post", &[width]);
    plan.transformer("visual.transformer.", width, 12);
    let text = plan.dimension("ln_final.weight", 0, 512);
    let context = plan.dimension("positional_embedding", 0, 77);
    let vocabulary = plan.dimension("token_embedding.weight", 0, 49408);
    plan.add("positional_embedding", &[context, text]);
    plan.add("token_embedding.weight", &[vocabulary, text]);
    plan.add("text_projection", &[text, joint]);
    plan.add("logit_scale", &[]);
    plan.layer("ln_final", &[text]);
    plan.transformer("transformer.", text, 12);
}

fn both_avol_sides(plan: &mut Plan<'_>) -> [usize; 2] {
    plan.avol_side("icn.", 3);
    plan.avol_side("acn.", 1);
    ["icn", "acn"].map(|side| plan.dimension(&format!("{side}.conv4_2.weight"), 0, 512))
}

fn avol(plan: &mut Plan<'_>) {
    let [image, sound] = both_avol_sides(plan);
    let joint = plan.dimension("im_conv5.weight", 0, 128);
    plan.layer("im_conv5", &[joint, image, 1, 1]);
    plan.layer("im_conv6", &[joint, joint, 1, 1]);
    plan.layer("aud_fc1", &[joint, sound]);
    plan.layer("aud_fc2", &[joint, joint]);
    plan.layer("fus_conv7", &[1, 1, 1, 1]);
}

fn ave_net(plan: &mut Plan<'_>) {
    let sides = both_avol_sides(plan);
    for (side, channels) in ["img", "aud"].into_iter().zip(sides) {
        let joint = plan.dimension(&format!("{side}_fc1.weight"), 0, 128);
        plan.layer(&format!("{side}_fc1"), &[joint, channels]);
        plan.layer(&format!("{side}_fc2"), &[joint, joint]);
    }
    plan.layer("fc3", &[2, 1]);
}

fn l3_net(plan: &mut Plan<'_>) {
    let [image, sound] = both_avol_sides(plan);
    let joint = plan.dimension("fc1.weight", 0, 128);
    plan.layer("fc1", &[joint, image + sound]);
    plan.layer("fc2", &[2, joint]);
}

fn hear_the_flow(plan: &mut Plan<'_>) {
    for (net, input) in [("imgnet.", 3), ("audnet.", 1), ("flownet.", 2)] {
        plan.resnet18(net, &[("conv1", input)]);
    }
    let (image, flow) = (plan.resnet18_channels("imgnet."), plan.resnet18_channels("flownet."));
    let attended = plan.dimension("flowatt.query_conv.weight", 0, 64);
    plan.layer("flowatt.query_conv", &[attended, image, 1, 1]);
    plan.layer("flowatt.key_conv", &[attended, flow, 1, 1]);
    plan.layer("flowatt.value_conv", &[image, image, 1, 1]);
}

fn attention10k(plan: &mut Plan<'_>) {
    plan.convolutions("vision_embedding_model.feature_extraction.", &VGG16);
    let channels = plan.dimension("vision_embedding_model.feature_extraction.28.weight", 0, 512);
    let sound = plan.dimension("sound_fc1.weight", 1, 1000);
    let hidden = plan.dimension("sound_fc1.weight", 0, 1000);
    plan.layer("sound_fc1", &[hidden, sound]);
    plan.layer("sound_fc2", &[channels, hidden]);
    let hidden = plan.dimension("vision_fc1.weight", 0, 512);
    plan.layer("vision_fc1", &[hidden, channels]);
    plan.layer("vision_fc2", &[sound, hidden]);
}

fn sspl_frame(plan: &mut Plan<'_>) {
    plan.convolutions("feat_extractor.", &VGG16);
}

fn sspl_sound(plan: &mut Plan<'_>) {
    let vggish = [(0, 1, 64), (3, 64, 128), (6, 128, 256), (8, 256, 256), (11, 256, 512), (13, 512, 512)];
    plan.convolutions("features.", &vggish);
    let mut input = plan.dimension("embeddings.0.weight", 1, 12288);
    for (name, published) in
        [("embeddings.0", 4096), ("embeddings.2", 4096), ("embeddings.4", 128), ("fc.0", 512), ("fc.2", 512)]
    {
        let output = plan.dimension(&format!("{name}.weight"), 0, published);
        plan.layer(name, &[output, input]);
        input = output;
    }
}

fn sspl_pcm(plan: &mut Plan<'_>) {
    let channels = plan.dimension("ErrorProcess.3.weight", 0, 512);
    let sound = plan.dimension("PredProcess.0.weight", 0, 128);
    plan.layer("PredProcess.0", &[sound, channels, 1, 1]);
    for key in ["PredProcess.1.conv2d", "PredProcess.2.conv2d", "ErrorProcess.1", "ErrorProcess.2.convtrans2d"] {
        plan.add(format!("{key}.weight"), &[channels, channels, 3, 3]);
    }
    plan.add("ErrorProcess.0.weight", &[sound, channels, 1, 1]);
    plan.layer("ErrorProcess.3", &[channels, channels, 1, 1]);
    for index in 0..3 {
        plan.add(format!("b0.{index}"), &[1, channels, 1, 1]);
        plan.add(format!("a0.{index}"), &[1, channels, 1, 1]);
    }
    for (name, count) in [("BNPred", 2), ("BNError", 3), ("BNPred_step", 8), ("BNError_step", 12)] {
        for index in 0..count {
            plan.batch_norm(&format!("{name}.{index}"), channels);
        }
    }
}

fn base_model(plan: &mut Plan<'_>, image: &str, sound: &str) -> [usize; 2] {
    [image, sound].map(|net| {
        plan.resnet18(net, &BASE_STEMS);
        plan.resnet18_channels(net)
    })
}

fn dsol(plan: &mut Plan<'_>) {
    let [image, sound] = base_model(plan, "visual_net.", "audio_net.");
    let joint = plan.dimension("conv_v_1.weight", 0, 128);
    plan.layer("conv_v_1", &[joint, image, 1, 1]);
    plan.layer("conv_v_2", &[joint, joint, 1, 1]);
    plan.layer("fc_a_1", &[joint, sound]);
    plan.layer("fc_a_2", &[joint, joint]);
    plan.add("conv_av.weight", &[1, 1, 1, 1]);
    let classes = plan.dimension("v_class_layer.weight", 0, 11);
    plan.layer("v_class_layer", &[classes, image]);
    plan.layer("a_class_layer", &[classes, sound]);
    // Only the second stage and the AudioSet variant have these.
    if plan.has_below("obj_conv.") {
        plan.layer("obj_conv", &[1, 1, 1, 1, 1]);
    }
    if plan.has_below("conv_av.bias") {
        plan.add("conv_av.bias", &[1]);
    }
}

fn dsol_dictionary(plan: &mut Plan<'_>) {
    let categories = plan.dimension(DICTIONARY, 0, 11);
    let channels = plan.dimension(DICTIONARY, 1, 512);
    plan.add(DICTIONARY, &[categories, channels]);
}

fn dmc(plan: &mut Plan<'_>) {
    let [image, sound] = base_model(plan, "visual_net.", "audio_net.");
    plan.unused("fc_v_2.");
    plan.unused("fc_a_2.");
    plan.layer("fc_v_1", &[image, image]);
    plan.layer("fc_a_1", &[sound, sound]);
    plan.layer("fc_av", &[2, 1]);
}

fn coarse_to_fine(plan: &mut Plan<'_>) {
    let sides = base_model(plan, "vision.", "audio.");
    let classes = plan.dimension("class_v.weight", 0, 7);
    for (side, channels) in ["v", "a"].into_iter().zip(sides) {
        plan.add(format!("class_{side}.weight"), &[classes, channels, 1, 1]);
        let hidden = plan.dimension(&format!("project_{side}.0.weight"), 0, 1024);
        let joint = plan.dimension(&format!("project_{side}.2.weight"), 0, 128);
        plan.add(format!("project_{side}.0.weight"), &[hidden, channels, 1]);
        plan.add(format!("project_{side}.2.weight"), &[joint, hidden, 1]);
    }
    let hidden = plan.dimension("avc.0.weight", 0, 128);
    plan.layer("avc.0", &[hidden, sides[0] + sides[1]]);
    plan.layer("avc.2", &[2, hidden]);
}
