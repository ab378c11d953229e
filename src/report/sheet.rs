//! Contact sheets: pictures side by side in one PNG, a column a class.

use super::html::Sheet;
use crate::{
    audit::{
        case::{Case, Labelled},
        pictures::Pictures,
    },
    error::{Error, Result},
};

/// Columns of a sheet; there may be more classes than one can look at.
const COLUMNS: usize = 10;
/// Rows of a sheet.
const ROWS: usize = 4;
/// Pixels between pictures.
const GAP: usize = 2;

/// A drawn sheet.
pub(super) struct Drawn {
    pub(super) png: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The sheet of reconstructions whose classes are `shown`: columns, rows, and what is drawn.
pub(super) fn contact(shown: &[usize], pictures: &Pictures) -> Result<(usize, usize, Drawn)> {
    let mut classes = shown.to_vec();
    classes.sort_unstable();
    classes.dedup();
    classes.truncate(COLUMNS);
    let of_class = |class: usize| (0..shown.len()).filter(|&k| shown[k] == class).take(ROWS).collect::<Vec<_>>();
    let columns: Vec<Vec<usize>> = classes.into_iter().map(of_class).collect();
    draw(&columns, pictures)
}

/// A sheet of real images, by class where that is known.
pub(super) fn reference(case: &Case<'_>, reference: &Labelled) -> Result<Option<Sheet>> {
    let count = reference.pictures.count;
    let columns: Vec<Vec<usize>> = match &reference.labels {
        Some(labels) => {
            let of = |class: usize| (0..count).filter(|&k| labels[k] == class).take(ROWS).collect();
            (0..case.classes.min(COLUMNS)).map(of).collect()
        }
        None => (0..count.min(COLUMNS)).map(|k| vec![k]).collect(),
    };
    if columns.iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let (columns, rows, Drawn { png, width, height }) = draw(&columns, &reference.pictures)?;
    let text = |t: &str| t.to_owned();
    Ok(Some(Sheet {
        attack: text(""),
        variant: text("real images"),
        subject: text("reference"),
        timesteps: None,
        rows,
        columns,
        png,
        width,
        height,
    }))
}

fn draw(columns: &[Vec<usize>], pictures: &Pictures) -> Result<(usize, usize, Drawn)> {
    let [h, w, channels] = pictures.size;
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (columns.len() * (w + GAP) - GAP.min(columns.len()), (rows * (h + GAP)).saturating_sub(GAP).max(1));
    // Transparent between the pictures.
    let mut pixels = vec![0u8; width * height * 4];
    for (column, list) in columns.iter().enumerate() {
        for (row, &k) in list.iter().enumerate() {
            let picture = &pictures.pixels[k * pictures.len()..][..pictures.len()];
            for y in 0..h {
                for x in 0..w {
                    let from = &picture[(y * w + x) * channels..][..channels];
                    let to = ((row * (h + GAP) + y) * width + column * (w + GAP) + x) * 4;
                    let colour = if channels >= 3 { [from[0], from[1], from[2]] } else { [from[0]; 3] };
                    pixels[to..to + 3].copy_from_slice(&colour);
                    pixels[to + 3] = 255;
                }
            }
        }
    }
    Ok((columns.len(), rows, Drawn { png: png_bytes(&pixels, width, height)?, width, height }))
}

fn png_bytes(pixels: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    let broken = |e: png::EncodingError| Error::Internal(format!("a picture cannot be written: {e}"));
    let side = |n: usize| u32::try_from(n).map_err(|e| Error::Internal(format!("a sheet is too large: {e}")));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(width)?, side(height)?);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(broken)?;
    writer.write_image_data(pixels).map_err(broken)?;
    writer.finish().map_err(broken)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_the_column_of_their_class() {
        let pictures = Pictures { count: 4, size: [1, 1, 3], pixels: vec![1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4] };
        let (columns, rows, drawn) = contact(&[0, 5, 0, 5], &pictures).unwrap();
        assert_eq!((columns, rows, drawn.width, drawn.height), (2, 2, 4, 4));
        let mut reader = png::Decoder::new(std::io::Cursor::new(drawn.png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let at = |x: usize, y: usize| pixels[(y * 4 + x) * 4];
        assert_eq!([at(0, 0), at(3, 0), at(0, 3), at(3, 3)], [1, 2, 3, 4]);
        assert_eq!(pixels[(4 + 1) * 4 + 3], 0, "between them");
    }
}
