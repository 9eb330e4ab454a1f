//! The plan of every network of the field.

use super::plan::Plan;
use crate::localizers::dsol::DICTIONARY;

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

pub fn avenet(plan: &mut Plan<'_>) {
    plan.resnet18("imgnet.", &LVS_STEMS);
    plan.resnet18("audnet.", &LVS_STEMS);
}

pub fn ssl_tie(plan: &mut Plan<'_>) {
    avenet(plan);
    let published = [512, 1024, 1, 1];
    let shape = [0, 1, 2, 3].map(|axis| plan.dimension("vision_fc1.weight", axis, published[axis]));
    plan.layer("vision_fc1", &shape);
    plan.layer("conv3", &[1, 1, 1, 1]);
    plan.batch_norm("norm3", 1);
}

pub fn ez_vsl(plan: &mut Plan<'_>) {
    two_streams(plan, "", &[""]);
}

pub fn slavc(plan: &mut Plan<'_>) {
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

pub fn rcgrad(plan: &mut Plan<'_>) {
    plan.unused("loss_fn");
    plan.resnet18("image_encoder.", &LVS_STEMS);
    sound_encoder(plan);
}

pub fn wav2clip(plan: &mut Plan<'_>) {
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

pub fn clip(plan: &mut Plan<'_>) {
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

pub fn avol(plan: &mut Plan<'_>) {
    let [image, sound] = both_avol_sides(plan);
    let joint = plan.dimension("im_conv5.weight", 0, 128);
    plan.layer("im_conv5", &[joint, image, 1, 1]);
    plan.layer("im_conv6", &[joint, joint, 1, 1]);
    plan.layer("aud_fc1", &[joint, sound]);
    plan.layer("aud_fc2", &[joint, joint]);
    plan.layer("fus_conv7", &[1, 1, 1, 1]);
}

pub fn ave_net(plan: &mut Plan<'_>) {
    let sides = both_avol_sides(plan);
    for (side, channels) in ["img", "aud"].into_iter().zip(sides) {
        let joint = plan.dimension(&format!("{side}_fc1.weight"), 0, 128);
        plan.layer(&format!("{side}_fc1"), &[joint, channels]);
        plan.layer(&format!("{side}_fc2"), &[joint, joint]);
    }
    plan.layer("fc3", &[2, 1]);
}

pub fn l3_net(plan: &mut Plan<'_>) {
    let [image, sound] = both_avol_sides(plan);
    let joint = plan.dimension("fc1.weight", 0, 128);
    plan.layer("fc1", &[joint, image + sound]);
    plan.layer("fc2", &[2, joint]);
}

pub fn hear_the_flow(plan: &mut Plan<'_>) {
    for (net, input) in [("imgnet.", 3), ("audnet.", 1), ("flownet.", 2)] {
        plan.resnet18(net, &[("conv1", input)]);
    }
    let (image, flow) = (plan.resnet18_channels("imgnet."), plan.resnet18_channels("flownet."));
    let attended = plan.dimension("flowatt.query_conv.weight", 0, 64);
    plan.layer("flowatt.query_conv", &[attended, image, 1, 1]);
    plan.layer("flowatt.key_conv", &[attended, flow, 1, 1]);
    plan.layer("flowatt.value_conv", &[image, image, 1, 1]);
}

pub fn attention10k(plan: &mut Plan<'_>) {
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

pub fn sspl_frame(plan: &mut Plan<'_>) {
    plan.convolutions("feat_extractor.", &VGG16);
}

pub fn sspl_sound(plan: &mut Plan<'_>) {
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

pub fn sspl_pcm(plan: &mut Plan<'_>) {
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

pub fn dsol(plan: &mut Plan<'_>) {
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

pub fn dsol_dictionary(plan: &mut Plan<'_>) {
    let categories = plan.dimension(DICTIONARY, 0, 11);
    let channels = plan.dimension(DICTIONARY, 1, 512);
    plan.add(DICTIONARY, &[categories, channels]);
}

pub fn dmc(plan: &mut Plan<'_>) {
    let [image, sound] = base_model(plan, "visual_net.", "audio_net.");
    plan.unused("fc_v_2.");
    plan.unused("fc_a_2.");
    plan.layer("fc_v_1", &[image, image]);
    plan.layer("fc_a_1", &[sound, sound]);
    plan.layer("fc_av", &[2, 1]);
}

pub fn coarse_to_fine(plan: &mut Plan<'_>) {
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
