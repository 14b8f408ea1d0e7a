//! Which sticks are plugged in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serialport::{SerialPortInfo, SerialPortType};

use super::serial::OpenError;

/// A USB identity: vendor, product, and which of several.
///
/// ```
/// use myelin_driver::UsbId;
///
/// let id: UsbId = "0403:6015:K00123".parse().unwrap();
/// assert_eq!((id.vendor, id.serial.as_deref()), (0x0403, Some("K00123")));
/// assert_eq!(id.to_string(), "0403:6015:K00123");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsbId {
    /// Vendor.
    pub vendor: u16,
    /// Product.
    pub product: u16,
    /// Serial number; any if `None`.
    pub serial: Option<String>,
}

/// A text is no USB identity.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "USB identity is {found:?}, expected <vendor>:<product>[:<serial>], four hexadecimal digits each, as in 0403:6015"
)]
pub struct UsbIdError {
    /// What stands there.
    pub found: String,
}

impl FromStr for UsbId {
    type Err = UsbIdError;

    fn from_str(text: &str) -> Result<UsbId, UsbIdError> {
        let wrong = || UsbIdError { found: text.to_owned() };
        let number = |text: &str| {
            let is_hex = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_hex.then(|| u16::from_str_radix(text, 16).ok()).flatten().ok_or_else(wrong)
        };
        let mut parts = text.splitn(3, ':');
        let (vendor, product) = (parts.next().unwrap_or(""), parts.next().ok_or_else(wrong)?);
        let serial = parts.next().map(str::to_owned);
        if serial.as_deref() == Some("") {
            return Err(wrong());
        }
        Ok(UsbId { vendor: number(vendor)?, product: number(product)?, serial })
    }
}

impl fmt::Display for UsbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.product)?;
        self.serial.as_ref().map_or(Ok(()), |serial| write!(f, ":{serial}"))
    }
}

/// The bridges of the boards that are built for, with the boards.
pub const KNOWN_BRIDGES: [(u16, u16, &str); 2] =
    [(0x0403, 0x6015, "FT231X, as on a ULX3S"), (0x0403, 0x6010, "FT2232H, as on an iCEBreaker")];

/// A serial port behind a bridge that a stick may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundStick {
    /// Its identity, with the serial number if it has one.
    pub id: UsbId,
    /// The port.
    pub path: PathBuf,
    /// What the bridge says it is, or what is known of it.
    pub product: String,
    /// Which of the bridge's channels, from 0.
    pub interface: u8,
}

/// The ports of known bridges, by path. An FT2232H has two: the second is the stick's, the first goes to the
/// flash.
pub fn plugged_in() -> Vec<FoundStick> {
    sticks(ports(), None)
}

/// The port with an identity.
pub(super) fn find(id: &UsbId) -> Result<FoundStick, OpenError> {
    let mut found = sticks(ports(), Some(id));
    match found.len() {
        0 => Err(OpenError::NoSuchStick { id: id.clone() }),
        1 => Ok(found.remove(0)),
        _ => {
            let serial = |stick: FoundStick| stick.id.serial.unwrap_or_else(|| stick.path.display().to_string());
            Err(OpenError::Ambiguous { id: id.clone(), serials: found.into_iter().map(serial).collect() })
        }
    }
}

fn ports() -> Vec<SerialPortInfo> {
    // The crate panics without the folder, as in some containers.
    if !Path::new("/sys/class/tty").is_dir() {
        return Vec::new();
    }
    serialport::available_ports().unwrap_or_default()
}

/// What of `ports` has identity `wanted`, or else a known bridge: of each device the last channel.
fn sticks(ports: Vec<SerialPortInfo>, wanted: Option<&UsbId>) -> Vec<FoundStick> {
    let mut found: Vec<FoundStick> = Vec::new();
    for port in ports {
        let SerialPortType::UsbPort(usb) = port.port_type else { continue };
        let known = KNOWN_BRIDGES.iter().find(|&&(vendor, product, _)| (vendor, product) == (usb.vid, usb.pid));
        let is_wanted = wanted.map_or(known.is_some(), |id| {
            (id.vendor, id.product) == (usb.vid, usb.pid) && (id.serial.is_none() || id.serial == usb.serial_number)
        });
        if !is_wanted {
            continue;
        }
        let product = usb.product.or(known.map(|(_, _, name)| (*name).to_owned())).unwrap_or_default();
        let id = UsbId { vendor: usb.vid, product: usb.pid, serial: usb.serial_number };
        let stick = FoundStick { id, path: port.port_name.into(), product, interface: usb.interface.unwrap_or(0) };
        // Without a serial number channels of one device cannot be told from two devices.
        match found.iter_mut().find(|other| other.id == stick.id && stick.id.serial.is_some()) {
            Some(other) if other.interface < stick.interface => *other = stick,
            Some(_) => {}
            None => found.push(stick),
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

#[cfg(test)]
mod tests {
    use serialport::UsbPortInfo;

    use super::*;

    fn port(name: &str, product: u16, serial: Option<&str>, interface: u8) -> SerialPortInfo {
        let usb = UsbPortInfo {
            vid: 0x0403,
            pid: product,
            serial_number: serial.map(str::to_owned),
            manufacturer: None,
            product: None,
            interface: Some(interface),
        };
        SerialPortInfo { port_name: name.to_owned(), port_type: SerialPortType::UsbPort(usb) }
    }

    #[test]
    fn identities_are_read_and_written() {
        for text in ["0403:6015", "0403:6010:iB1x4Zq", "dead:beef:a:b"] {
            assert_eq!(text.parse::<UsbId>().unwrap().to_string(), text);
        }
        for text in ["", ":", "0403", "403:6015", "0403:60155", "+403:6015", "0403:6015:", "0403:xyzw"] {
            assert_eq!(text.parse::<UsbId>().unwrap_err().found, text);
        }
    }

    #[test]
    fn of_a_bridge_with_two_channels_the_second_is_the_sticks() {
        let ports = vec![
            port("/dev/ttyUSB2", 0x6010, Some("A"), 1),
            port("/dev/ttyUSB1", 0x6010, Some("A"), 0),
            port("/dev/ttyUSB0", 0x6015, Some("B"), 0),
            port("/dev/ttyUSB9", 0x1234, Some("C"), 0),
            SerialPortInfo { port_name: "/dev/ttyS0".to_owned(), port_type: SerialPortType::PciPort },
        ];
        let paths = |wanted: Option<&str>| -> Vec<String> {
            let wanted = wanted.map(|text| text.parse::<UsbId>().unwrap());
            let found = sticks(ports.clone(), wanted.as_ref());
            found.into_iter().map(|stick| stick.path.display().to_string()).collect()
        };
        assert_eq!(paths(None), ["/dev/ttyUSB0", "/dev/ttyUSB2"]);
        assert_eq!(paths(Some("0403:6010")), ["/dev/ttyUSB2"]);
        assert_eq!(paths(Some("0403:1234:C")), ["/dev/ttyUSB9"], "an identity asked for need not be known");
        assert_eq!(paths(Some("0403:6015:A")), [""; 0]);
    }
}
