//! Tables and their cells, as people read them.

use comfy_table::{CellAlignment, Table, presets};

use crate::figures::as_f64;

/// A table whose columns from `numbers` on are numbers.
pub(crate) fn table<const N: usize>(numbers: usize, header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// As the targets count: 10^6 bytes.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    as_f64(bytes) / 1e6
}
