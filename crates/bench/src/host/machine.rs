//! What the measuring machine is.

use std::fs;

/// How the kernel chooses the clock of the first core; `None` where it does not say, as in a
/// virtual machine.
#[must_use]
pub fn governor() -> Option<String> {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Processor, cores that this process may use, kernel.
#[must_use]
pub fn describe() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let virtual_machine = processors
        .lines()
        .find(|line| line.starts_with("flags"))
        .is_some_and(|line| line.split_ascii_whitespace().any(|flag| flag == "hypervisor"));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release: Vec<&str> = kernel.trim().splitn(3, '.').collect();
    let release = release.get(..2).map_or("unknown".to_owned(), |parts| parts.join("."));
    let cores = crate::host::cores::allowed().map_or(0, |cores| cores.len());
    let kind = if virtual_machine { ", virtual machine" } else { "" };
    format!("{model}, {cores} cores{kind}, Linux {release}")
}
