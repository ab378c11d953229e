//! From pixels of 8 bits to the numbers that a network reads.

use super::{
    frame::Frame,
    text::{Lines, table},
};
use snnc_runtime::Layout;

/// The function that makes input of pixels.
pub(super) struct Reader {
    pub(super) declaration: String,
    pub(super) implementation: String,
    /// Bytes of its tables.
    pub(super) flash: usize,
}

impl Frame<'_, '_> {
    /// Numbers that a pixel becomes, in each channel that the quantiser tells apart.
    fn pixel_tables(&self) -> Vec<[u16; 256]> {
        let input = self.input();
        let one =
            [&input.preprocess.mean, &input.preprocess.std, &input.quantiser.step, &input.quantiser.zero].iter().all(|v| v.len() == 1);
        let table =
            |channel: usize| std::array::from_fn(|pixel| input.quantiser.apply(channel, input.preprocess.apply(channel, pixel as f32)));
        let mut tables: Vec<[u16; 256]> = (0..if one { 1 } else { input.channels() }).map(table).collect();
        if tables.iter().all(|table| *table == tables[0]) {
            tables.truncate(1);
        }
        tables
    }

    /// Channels that stand apart in the network and together in an image, if that is another order.
    fn planes(&self) -> usize {
        let input = self.input();
        let channels = input.channels();
        let entries: usize = input.shape.iter().product();
        if input.layout == Layout::Nchw && channels < entries { channels } else { 1 }
    }

    /// Whether the numbers of an image are its pixels, in their order.
    pub(super) fn takes_pixels(&self) -> bool {
        let is_identity = |table: &[u16; 256]| table.iter().enumerate().all(|(pixel, &q)| pixel == usize::from(q));
        self.planes() == 1 && self.input().quantiser.digits == 8 && self.pixel_tables().iter().all(is_identity)
    }

    /// The function that reads pixels: none where they are the input, or where every feature has a table of its own.
    pub(super) fn pixels(&self) -> Option<Reader> {
        const MOST_TABLES: usize = 16;
        let tables = self.pixel_tables();
        if self.takes_pixels() || tables.len() > MOST_TABLES {
            return None;
        }
        let (prefix, upper, of, input) = (self.prefix, self.upper, self.image_type(), self.input());
        let is_identity = tables.len() == 1 && tables[0].iter().enumerate().all(|(pixel, &q)| pixel == usize::from(q));
        let signature = format!("void {prefix}_read_pixels(const uint8_t *pixels, {of} *image)");
        let mut lines = Lines::default();
        if !is_identity {
            let numbers = tables.iter().flatten().map(|&q| i32::from(q));
            lines.text += &table(of, &format!("{prefix}_pixel"), numbers);
            lines.line("");
        }
        lines.line(&signature);
        lines.open("{");
        lines.open(format!("for (int32_t k = 0; k < {upper}_INPUT; k++) {{"));
        let entries: usize = input.shape.iter().product();
        let (channels, planes) = (input.channels(), self.planes());
        // Pixel `k` is that of channel `k % planes` at place `k / planes`.
        let place = if planes == 1 { "k".to_owned() } else { format!("k % {planes} * {} + k / {planes}", entries / planes) };
        let channel = format!("k % {channels}");
        let pixel = match (is_identity, tables.len()) {
            (true, _) => "pixels[k]".to_owned(),
            (_, 1) => format!("{prefix}_pixel[pixels[k]]"),
            _ => format!("{prefix}_pixel[{channel} * 256 + pixels[k]]"),
        };
        lines.line(format!("image[{place}] = {pixel};"));
        lines.close(2);
        let bytes = if is_identity { 0 } else { tables.len() * 256 * if of == "uint8_t" { 1 } else { 2 } };
        let declaration =
            format!("/* Makes an image of pixels of 8 bits, {upper}_INPUT of them, channels of a pixel side by side. */\n{signature};\n");
        Some(Reader { declaration, implementation: lines.text, flash: bytes })
    }
}
