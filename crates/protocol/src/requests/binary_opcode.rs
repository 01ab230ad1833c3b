//! The opcodes of the binary protocol. Most are a pair: a loud one, and a quiet one that hides
//! success, or for reads a miss.

/// Flags, value and cas unique of an item.
pub const GET: u8 = 0x00;
/// Stores an item.
pub const SET: u8 = 0x01;
/// Stores an item if there is none.
pub const ADD: u8 = 0x02;
/// Stores an item if there is one.
pub const REPLACE: u8 = 0x03;
/// Deletes an item.
pub const DELETE: u8 = 0x04;
/// Adds to a number, or creates it.
pub const INCREMENT: u8 = 0x05;
/// Subtracts from a number, or creates it.
pub const DECREMENT: u8 = 0x06;
/// Closes the connection.
pub const QUIT: u8 = 0x07;
/// Flushes all items, now or later.
pub const FLUSH: u8 = 0x08;
/// Quiet [`GET`].
pub const GETQ: u8 = 0x09;
/// Only replies. Clients send it after quiet requests to see their end.
pub const NOOP: u8 = 0x0a;
/// The server's version.
pub const VERSION: u8 = 0x0b;
/// [`GET`] with the key in the reply.
pub const GETK: u8 = 0x0c;
/// Quiet [`GETK`].
pub const GETKQ: u8 = 0x0d;
/// Appends to a value.
pub const APPEND: u8 = 0x0e;
/// Prepends to a value.
pub const PREPEND: u8 = 0x0f;
/// Statistics: one packet each, and an empty packet at the end.
pub const STAT: u8 = 0x10;
/// Quiet [`SET`].
pub const SETQ: u8 = 0x11;
/// Quiet [`ADD`].
pub const ADDQ: u8 = 0x12;
/// Quiet [`REPLACE`].
pub const REPLACEQ: u8 = 0x13;
/// Quiet [`DELETE`].
pub const DELETEQ: u8 = 0x14;
/// Quiet [`INCREMENT`].
pub const INCREMENTQ: u8 = 0x15;
/// Quiet [`DECREMENT`].
pub const DECREMENTQ: u8 = 0x16;
/// Quiet [`QUIT`].
pub const QUITQ: u8 = 0x17;
/// Quiet [`FLUSH`].
pub const FLUSHQ: u8 = 0x18;
/// Quiet [`APPEND`].
pub const APPENDQ: u8 = 0x19;
/// Quiet [`PREPEND`].
pub const PREPENDQ: u8 = 0x1a;
/// Gives an item a new exptime.
pub const TOUCH: u8 = 0x1c;
/// [`GET`] and [`TOUCH`].
pub const GAT: u8 = 0x1d;
/// Quiet [`GAT`].
pub const GATQ: u8 = 0x1e;
/// Lists the mechanisms of authentication.
pub const SASL_LIST: u8 = 0x20;
/// Starts an authentication.
pub const SASL_AUTH: u8 = 0x21;
/// Continues an authentication.
pub const SASL_STEP: u8 = 0x22;
/// [`GETK`] and [`TOUCH`].
pub const GATK: u8 = 0x23;
/// Quiet [`GATK`].
pub const GATKQ: u8 = 0x24;

/// The loud opcode of a quiet one. Any other is returned as it is.
pub const fn loud(opcode: u8) -> u8 {
    match opcode {
        GETQ => GET,
        GETKQ => GETK,
        SETQ => SET,
        ADDQ => ADD,
        REPLACEQ => REPLACE,
        DELETEQ => DELETE,
        INCREMENTQ => INCREMENT,
        DECREMENTQ => DECREMENT,
        QUITQ => QUIT,
        FLUSHQ => FLUSH,
        APPENDQ => APPEND,
        PREPENDQ => PREPEND,
        GATQ => GAT,
        GATKQ => GATK,
        other => other,
    }
}

/// True if the opcode hides success, or for reads a miss.
pub const fn is_quiet(opcode: u8) -> bool {
    loud(opcode) != opcode
}
