//! State machines: packets through a serial line and back, a table of the keys seen last, and a
//! counter in memory for each key; beside them a larger table that is asked in every cycle.

use myelin_hdl::{Design, DesignError, module, mux, u};

use super::{lru::lru, packet, uart};
use crate::designs::stimulus::{sinks, sources};

/// Builds it.
///
/// # Errors
/// Never: the names are identifiers.
pub fn machines() -> Result<Design, DesignError> {
    Design::new(module("machines", |m| {
        m.doc("Serial line, packets, least recently used tables, counters.");
        let noise = sources(m, "noise", 2);
        let generator = m.instance("generator", &packet::generator());
        let transmitter = m.instance("transmitter", &uart::transmitter());
        let receiver = m.instance("receiver", &uart::receiver());
        let parser = m.instance("parser", &packet::parser());
        let valid = noise[0].bit(30);
        generator.input("noise_i", noise[0]).input("ready_i", valid & transmitter.output("ready_o"));
        transmitter.input("valid_i", valid).input("byte_i", generator.output("byte_o"));
        // Now and then the line is disturbed for a cycle.
        receiver.input("line_i", transmitter.output("line_o") & noise[1].slice(13, 9).ne(0));
        parser.input("valid_i", receiver.output("valid_o")).input("byte_i", receiver.output("byte_o"));

        let (good, bad, key) = (parser.output("good_o"), parser.output("bad_o"), parser.output("key_o"));
        let recent = m.instance("recent", &lru(8, 8));
        recent.input("valid_i", good).input("key_i", key);
        let busy = m.instance("busy", &lru(16, 5));
        busy.input("valid_i", noise[1].bit(31)).input("key_i", noise[1].slice(3, 5) & noise[1].slice(9, 5));

        // A counter for each key: read, and written a cycle later with one more.
        let counters = m.memory("counters", 64, 1, u(16)).init(&[0; 64]);
        let low = key.slice(0, 6);
        let count = counters.read(low, good)[0];
        let again = m.register("again_q", u(1)).reset(0);
        again.next(good);
        let at = m.register("at_q", u(6)).reset(0);
        at.next(low);
        counters.write(at.q, again.q, &[count.wrapping_add(1)]);

        let none = m.constant(u(16), 0);
        let observed = [
            transmitter.output("line_o"),
            receiver.output("broken_o"),
            receiver.output("byte_o"),
            good,
            bad,
            key,
            parser.output("sum_o"),
            recent.output("hit_o"),
            recent.output("place_o"),
            busy.output("hit_o"),
            busy.output("place_o"),
            mux(again.q, count, none),
        ];
        sinks(m, &observed);
    }))
}
