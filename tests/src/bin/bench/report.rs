//! How figures are shown.

use crate::samples::Samples;

/// A bound of the issue for a ratio or a rate.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// None is set.
    None,
    AtMost(f64),
    AtLeast(f64),
}

pub(crate) fn introduction() {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    println!("tom: speed, as ratios measured in this run; what is compared takes turns.");
    println!("A/A is the ratio of two of the same kind: as much as that is noise.");
    println!("{cores} cores,{}, load {load} at the start", model.trim_start_matches(['\t', ':']));
}

pub(crate) fn heading(title: &str, how: &str) {
    println!("\n{title}\n  {how}");
}

/// One thing that was timed: median, mean, both against a reference, and its bound.
pub(crate) fn timed(what: &str, samples: &Samples, reference: &Samples, bound: Bound) {
    let ratio = samples.median() / reference.median();
    println!(
        "  {what:<50} {:>8} {:>8}   x {ratio:<6.2} (means x {:.2}) {}",
        time(samples.median()),
        time(samples.mean()),
        samples.mean() / reference.mean(),
        judged(ratio, bound)
    );
}

/// A figure without times beside it.
pub(crate) fn figure(what: &str, value: &str, ratio: f64, bound: Bound) {
    println!("  {what:<50} {value:>17}   {}", judged(ratio, bound).trim_start());
}

fn judged(value: f64, bound: Bound) -> String {
    let (is_within, words) = match bound {
        Bound::None => return String::new(),
        Bound::AtMost(most) => (value <= most, format!("at most {most}")),
        Bound::AtLeast(least) => (value >= least, format!("at least {least}")),
    };
    format!(" {words}: {}", if is_within { "within" } else { "BEYOND" })
}

/// A time in a unit that fits.
pub(crate) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns.abs() < 1e3 => format!("{ns:.0} ns"),
        ns if ns.abs() < 1e6 => format!("{:.1} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
