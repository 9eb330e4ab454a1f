//! What the models are shown of a picture, against Pillow, torchvision and OpenCV.

use sonolens::localizers::{Normalization, Resizing, ViewRule};
use sonolens::media::Picture;

use crate::support::checksum::crc32;
use crate::support::fill_rule::image;
use crate::support::golden::Golden;

const SIZES: [(u32, u32); 7] = [(320, 240), (213, 347), (321, 240), (323, 240), (640, 360), (224, 224), (100, 80)];

/// The rendered picture as bytes in rows of RGB again.
fn bytes_of(rule: ViewRule, picture: &Picture) -> Vec<u8> {
    let tensor = rule.render(picture, &Normalization::NONE).unwrap();
    let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let plane = values.len() / 3;
    (0..plane)
        .flat_map(|pixel| [0, 1, 2].map(|channel| (values[channel * plane + pixel] * 255.0).round() as u8))
        .collect()
}

fn row_of(rule: ViewRule, picture: &Picture, normalization: &Normalization, row: usize) -> Vec<f32> {
    let tensor = rule.render(picture, normalization).unwrap();
    tensor.narrow(2, row, 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
}

#[test]
fn pillow_is_matched_byte_for_byte() {
    let golden = Golden::open("pre_image.npz");
    for (width, height) in SIZES {
        let picture = image(151, width, height);
        let stretch = |side, resizing| ViewRule::Stretch { side, resizing };
        for (name, rule) in [
            ("short_bicubic_crop", ViewRule::Crop { side: 224 }),
            ("stretch_bicubic", stretch(224, Resizing::PilBicubic)),
            ("pil_bilinear320", stretch(320, Resizing::PilBilinear)),
        ] {
            let key = format!("w{width}h{height}.{name}.crc32");
            assert_eq!(f64::from(crc32(&bytes_of(rule, &picture))), golden.floats(&key)[0], "{key}");
        }
    }
}

#[test]
fn opencv_is_matched_byte_for_byte() {
    let golden = Golden::open("pre_image.npz");
    for (width, height) in SIZES {
        let picture = image(151, width, height);
        let bytes = bytes_of(ViewRule::Stretch { side: 256, resizing: Resizing::CvBilinear }, &picture);
        let key = format!("w{width}h{height}.cv2_linear256.crc32");
        assert_eq!(f64::from(crc32(&bytes)), golden.floats(&key)[0], "{key}");
    }
}

#[test]
fn torch_is_matched_with_and_without_antialiasing() {
    let golden = Golden::open("pre_image.npz");
    for (width, height) in SIZES {
        let picture = image(151, width, height);
        for (name, resizing) in [("aa1", Resizing::TensorBicubicAntialiased), ("aa0", Resizing::TensorBicubic)] {
            let row = row_of(ViewRule::Stretch { side: 224, resizing }, &picture, &Normalization::NONE, 100);
            golden.check(&format!("w{width}h{height}.tensor_bicubic_{name}.row100"), &row, 1e-5);
        }
    }
}

#[test]
fn both_normalizations_are_torchvisions() {
    let golden = Golden::open("pre_image.npz");
    for (width, height) in SIZES {
        let picture = image(151, width, height);
        for (name, normalization) in [("imagenet", Normalization::IMAGENET), ("clip", Normalization::CLIP)] {
            let rule = ViewRule::Stretch { side: 224, resizing: Resizing::PilBicubic };
            let row = row_of(rule, &picture, &normalization, 100);
            golden.check(&format!("w{width}h{height}.norm_{name}.row100"), &row, 1e-6);
        }
    }
}

#[test]
fn pictures_without_pixels_or_with_too_few_bytes_are_refused() {
    let rule = ViewRule::Crop { side: 224 };
    let none = Picture::default();
    let mut short = image(1, 20, 10);
    short.rgb.pop();
    let strip = Picture { size: sonolens::geometry::Size::new(1, 60_000), rgb: vec![0; 180_000] };
    for picture in [none, short, strip] {
        assert!(rule.render(&picture, &Normalization::NONE).is_err(), "{:?}", picture.size);
    }
}
