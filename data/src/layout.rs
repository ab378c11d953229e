//! Which axis of a model's input is which.
//!
//! ONNX does not say whether `[1, 3, 32, 32]` is channels first. The shape usually does, the shape of the images together
//! with it nearly always does, and where both leave it open the user must say (`--layout`).

use crate::shape::joined;
use snnc_runtime::Layout;

/// Sizes that an axis of colours may have.
const COLOURS: std::ops::RangeInclusive<usize> = 1..=4;

/// Layout of a model input from its shape alone (batch first); `None` where the shape leaves it open.
///
/// ```
/// use snnc_data::layout::of_shape;
/// use snnc_runtime::Layout;
/// assert_eq!(of_shape(&[1, 3, 224, 224]), Some(Layout::Nchw));
/// assert_eq!(of_shape(&[1, 224, 224, 3]), Some(Layout::Nhwc));
/// assert_eq!(of_shape(&[1, 784]), Some(Layout::Flat));
/// assert_eq!(of_shape(&[1, 784, 1]), Some(Layout::Flat));
/// assert_eq!(of_shape(&[1, 3, 3, 3]), None);
/// ```
#[must_use]
pub fn of_shape(dims: &[usize]) -> Option<Layout> {
    // Features without an order in space. One channel of a length is a signal, a few channels of one pixel are a colour.
    if let [_, features @ .., last] = dims
        && Layout::Flat.fits(dims)
        && (features.is_empty() || (*last == 1 && features.iter().any(|d| d > COLOURS.end())))
    {
        return Some(Layout::Flat);
    }
    let [_, a, b, c] = *dims else {
        // Channels come before the length of a signal, as in ONNX's one-dimensional convolution.
        return Some(if dims.len() <= 2 { Layout::Flat } else { Layout::Nchw });
    };
    match (COLOURS.contains(&a), COLOURS.contains(&c)) {
        (true, false) => Some(Layout::Nchw),
        (false, true) => Some(Layout::Nhwc),
        // Images are mostly square; ONNX's convolution wants channels first.
        _ => match (b == c, a == b) {
            (true, true) if a > 1 => None,
            (false, false) if COLOURS.contains(&a) => None,
            (false, true) => Some(Layout::Nhwc),
            _ => Some(Layout::Nchw),
        },
    }
}

/// How 8-bit images of `height`, `width`, `channels` fit a model input.
///
/// `wanted` is what the user said; without it the layout is inferred.
///
/// # Errors
/// If the images do not fit, or fit in more than one way; the message wants the name of the array before it.
pub fn of_images(dims: &[usize], image: [usize; 3], wanted: Option<Layout>) -> Result<Layout, String> {
    let all = [Layout::Nchw, Layout::Nhwc, Layout::Flat];
    let [height, width, channels] = image;
    let fitting: Vec<Layout> = all.into_iter().filter(|&layout| fits(dims, image, layout)).collect();
    let misfit = |how: &str| format!("holds images of {height}x{width}x{channels} (height, width, channels){how}");
    if let Some(layout) = wanted {
        // The pixels of a grey image stand in one order in all layouts of a flat vector.
        let is_same = channels == 1 && layout.fits(dims) && fitting.contains(&Layout::Flat);
        return if fitting.contains(&layout) || is_same {
            Ok(layout)
        } else {
            Err(misfit(&format!(", which do not fit the model's input [{}] as {}", joined(dims, "x"), name(layout))))
        };
    }
    let guess = of_shape(dims);
    match fitting[..] {
        [] => Err(misfit(&format!(", which do not fit the model's input [{}]", joined(dims, "x")))),
        // Without colour and for single pixels all orders are one.
        _ if channels == 1 || height * width == 1 => Ok(guess.filter(|g| fitting.contains(g)).unwrap_or(fitting[0])),
        [Layout::Nhwc] if guess == Some(Layout::Nchw) && COLOURS.contains(&height) => Err(misfit(
            "; these look like channels first, but 8-bit images are N,H,W,C: transpose them (`x.transpose(0, 2, 3, 1)`), or confirm with `--layout nhwc`",
        )),
        [Layout::Flat] => Err(misfit(&format!(
            ", and the model reads {} features; confirm with `--layout flat` that these are height, width, channels in this order",
            dims.iter().product::<usize>()
        ))),
        [layout] => Ok(layout),
        _ => Err(misfit(&format!(
            ", which fit the model's input [{}] in more than one way; say which with `--layout nchw|nhwc`",
            joined(dims, "x")
        ))),
    }
}

/// Name on the command line.
#[must_use]
pub fn name(layout: Layout) -> &'static str {
    match layout {
        Layout::Nchw => "nchw",
        Layout::Nhwc => "nhwc",
        Layout::Flat => "flat",
    }
}

fn fits(dims: &[usize], [height, width, channels]: [usize; 3], layout: Layout) -> bool {
    match (layout, dims) {
        (Layout::Nchw, &[_, c, h, w]) | (Layout::Nhwc, &[_, h, w, c]) => [h, w, c] == [height, width, channels],
        // Signals as images of one row, or grey images for a model that has no axis of colours.
        (Layout::Nchw, &[_, a, b]) => (channels == 1 && [a, b] == [height, width]) || (height == 1 && [a, b] == [channels, width]),
        (Layout::Nhwc, &[_, a, b]) => (channels == 1 && [a, b] == [height, width]) || (height == 1 && [a, b] == [width, channels]),
        (Layout::Flat, dims) if layout.fits(dims) => {
            height.checked_mul(width).and_then(|p| p.checked_mul(channels)) == dims.iter().copied().max()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_alone() {
        assert_eq!(of_shape(&[1, 1, 28, 28]), Some(Layout::Nchw));
        assert_eq!(of_shape(&[1, 28, 28, 1]), Some(Layout::Nhwc));
        assert_eq!(of_shape(&[1, 1, 1, 1]), Some(Layout::Nchw));
        assert_eq!(of_shape(&[1, 1, 4, 4]), Some(Layout::Nchw));
        assert_eq!(of_shape(&[1, 4, 4, 1]), Some(Layout::Nhwc));
        assert_eq!(of_shape(&[1, 64, 56, 56]), Some(Layout::Nchw));
        assert_eq!(of_shape(&[1, 56, 56, 64]), Some(Layout::Nhwc));
        assert_eq!(of_shape(&[1, 12, 20, 30]), Some(Layout::Nchw));
        assert_eq!(of_shape(&[1, 3, 32, 3]), None);
        assert_eq!(of_shape(&[1, 6, 128]), Some(Layout::Nchw));
        for flat in [&[1, 784][..], &[1, 784, 1], &[1, 784, 1, 1], &[1, 1, 784, 1], &[1, 784, 1, 1, 1]] {
            assert_eq!(of_shape(flat), Some(Layout::Flat), "{flat:?}");
        }
        for signal in [&[1, 1, 784][..], &[1, 1, 1, 784], &[1, 3, 1], &[1, 3, 1, 1]] {
            assert_eq!(of_shape(signal), Some(Layout::Nchw), "{signal:?}");
        }
    }

    #[test]
    fn images_decide() {
        assert_eq!(of_images(&[1, 3, 32, 32], [32, 32, 3], None), Ok(Layout::Nchw));
        assert_eq!(of_images(&[1, 32, 32, 3], [32, 32, 3], None), Ok(Layout::Nhwc));
        assert_eq!(of_images(&[1, 3, 32, 3], [32, 3, 3], None), Ok(Layout::Nchw));
        assert_eq!(of_images(&[1, 1, 28, 28], [28, 28, 1], None), Ok(Layout::Nchw));
        assert_eq!(of_images(&[1, 28, 28, 1], [28, 28, 1], None), Ok(Layout::Nhwc));
        assert_eq!(of_images(&[1, 784], [28, 28, 1], None), Ok(Layout::Flat));
        assert_eq!(of_images(&[1, 28, 28], [28, 28, 1], None), Ok(Layout::Nchw));
        assert_eq!(of_images(&[1, 6, 128], [1, 128, 6], None), Ok(Layout::Nchw));
        for flat in [&[1, 784, 1][..], &[1, 1, 784], &[1, 784, 1, 1], &[1, 1, 784, 1], &[1, 1, 1, 784]] {
            assert_eq!(of_images(flat, [28, 28, 1], None), Ok(Layout::Flat), "{flat:?}");
            assert!(of_images(flat, [27, 29, 1], None).is_err());
        }
        assert_eq!(of_images(&[1, 1, 784], [1, 784, 1], None), Ok(Layout::Nchw), "a signal");
        assert_eq!(of_images(&[1, 1, 784], [28, 28, 1], Some(Layout::Nchw)), Ok(Layout::Nchw), "in the same order");
    }

    #[test]
    fn doubt_is_an_error() {
        for (dims, image, hint) in [
            (&[1, 3, 3, 3][..], [3, 3, 3], "--layout nchw|nhwc"),
            (&[1, 3, 32, 32], [3, 32, 32], "transpose"),
            (&[1, 3072], [32, 32, 3], "--layout flat"),
            (&[1, 1, 3072], [32, 32, 3], "--layout flat"),
            (&[1, 3, 32, 32], [28, 28, 1], "do not fit"),
        ] {
            let message = of_images(dims, image, None).unwrap_err();
            assert!(message.contains(hint), "{message}");
        }
    }

    #[test]
    fn the_user_decides() {
        assert_eq!(of_images(&[1, 3, 3, 3], [3, 3, 3], Some(Layout::Nhwc)), Ok(Layout::Nhwc));
        assert_eq!(of_images(&[1, 3072], [32, 32, 3], Some(Layout::Flat)), Ok(Layout::Flat));
        assert_eq!(of_images(&[1, 1, 3072], [32, 32, 3], Some(Layout::Flat)), Ok(Layout::Flat));
        assert!(of_images(&[1, 1, 3072], [32, 32, 3], Some(Layout::Nchw)).unwrap_err().contains("as nchw"), "colours have an order");
        assert!(of_images(&[1, 3, 32, 32], [32, 32, 3], Some(Layout::Nhwc)).unwrap_err().contains("as nhwc"));
    }
}
