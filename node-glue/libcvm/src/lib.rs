//! Drop-in for the full node's `libcvm_runtime.so`: the twelve C functions a node calls.
//!
//! Put the library at `plugins/libcvm_runtime.so`, relative to the node's working folder.
//!
//! **Contract.** Signatures, return codes (0 done, 1 logic error, 2 runtime error) and buffers as in
//! cvm-runtime b5a2518, `kernel/c_api.h`. Every function may be called from any thread at any time. A
//! handle is a number, never an address: one that was not given out, or was freed, is refused. Null
//! pointers and negative lengths are refused with 2. A panic inside is caught and returns 2. What a
//! device gets wrong is computed again on the processor: see [`myelin_infer::DeviceEngine`] and [`myelin_infer::GuardedEngine`].
//!
//! **Device types.** 0 (CPU), 1 (GPU) and 2 (formal) all give the answers of the official CPU device,
//! which is what nodes run; others are refused with 2, as by the official library.
//!
//! **Configuration.** From the environment, or else from the file `MYELIN_CONFIG` names, one
//! `name = value` a line (`device`, `threads`, `check_every`; `#` begins a remark):
//!
//! | variable | meaning |
//! |---|---|
//! | `MYELIN_DEVICE` | [`myelin_driver::Selector`]s with spaces between: `cpu` (default), `cpu:avx2`, `sim:8x8`, `usb:0403:6015 tty:/dev/ttyUSB1` |
//! | `MYELIN_THREADS` | most threads of one inference on the processor, 1 by default |
//! | `MYELIN_CHECK_EVERY` | one answer of another device in so many is computed again on the processor, every one by default |
//!
//! A name this machine does not know, or does not have, falls back to the default with a line on
//! standard error: a node must not fail for that.

mod config;
mod handles;
mod text;

use std::ffi::{c_char, c_int, c_ulonglong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::Arc;

use myelin_graph::import::Limits;
use myelin_infer::{EngineError, ErrorClass, Model, operation_count};

const SUCCEED: c_int = 0;
const ERROR_RUNTIME: c_int = 2;

/// Most characters of a string written to a caller, who has 34 bytes for it.
const STRING_LENGTH_MAX: usize = 32;

/// Why a call fails: its return code.
struct Code(c_int);

impl From<EngineError> for Code {
    fn from(error: EngineError) -> Self {
        tracing::debug!(%error);
        match error.class() {
            ErrorClass::Logic => Code(1),
            ErrorClass::Runtime => Code(ERROR_RUNTIME),
        }
    }
}

const REFUSED: Code = Code(ERROR_RUNTIME);

/// Runs the body of a C function; a panic becomes a code.
fn call(body: impl FnOnce() -> Result<(), Code>) -> c_int {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => SUCCEED,
        Ok(Err(Code(code))) => code,
        // A payload's destructor could panic as well, and nothing may cross the boundary.
        Err(panic) => {
            std::mem::forget(panic);
            ERROR_RUNTIME
        }
    }
}

/// The caller's bytes.
///
/// # Safety
/// `data` is null or has `length` readable bytes that nobody writes meanwhile.
unsafe fn bytes<'a>(data: *const c_char, length: c_int) -> Result<&'a [u8], Code> {
    let length = usize::try_from(length).map_err(|_| REFUSED)?;
    match (data.is_null(), length) {
        (true, _) => Err(REFUSED),
        (false, 0) => Ok(&[]),
        // SAFETY: as the caller promises.
        (false, _) => Ok(unsafe { slice::from_raw_parts(data.cast(), length) }),
    }
}

/// Writes a number to the caller.
///
/// # Safety
/// `to` is null or a place for a number, which need not be aligned.
unsafe fn put_number(to: *mut c_ulonglong, value: u64) -> Result<(), Code> {
    if to.is_null() {
        return Err(REFUSED);
    }
    // SAFETY: as the caller promises.
    unsafe { to.write_unaligned(value) };
    Ok(())
}

/// Writes a string and a zero byte to the caller, cut to 32 characters.
///
/// # Safety
/// `to` is null or has 33 writable bytes.
unsafe fn put_string(to: *mut c_char, value: &str) -> Result<(), Code> {
    if to.is_null() {
        return Err(REFUSED);
    }
    let value = &value.as_bytes()[..value.len().min(STRING_LENGTH_MAX)];
    // SAFETY: as the caller promises; at most 32 bytes and the zero are written.
    unsafe {
        to.cast::<u8>().copy_from_nonoverlapping(value.as_ptr(), value.len());
        to.cast::<u8>().add(value.len()).write(0);
    }
    Ok(())
}

fn model(net: *mut c_void) -> Result<Arc<Model>, Code> {
    handles::get(net as usize).ok_or(REFUSED)
}

/// Loads a model and writes its handle to `net`.
///
/// **Errors.** 1 and 2 as the official library classes the model; 2 for bad arguments.
///
/// # Safety
/// `json` and `params` are null or have that many readable bytes; `net` is null or a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CVMAPILoadModel(
    json: *const c_char,
    json_len: c_int,
    params: *const c_char,
    params_len: c_int,
    net: *mut *mut c_void,
    device_type: c_int,
    _device_id: c_int,
) -> c_int {
    call(|| {
        if net.is_null() || !(0..=2).contains(&device_type) {
            return Err(REFUSED);
        }
        // SAFETY: as the caller promises.
        let (symbol, params) = unsafe { (bytes(json, json_len)?, bytes(params, params_len)?) };
        let model = Model::load(symbol, params, &Limits::default(), config::engine())?;
        let handle = handles::put(Arc::new(model));
        // SAFETY: as the caller promises.
        unsafe { net.write_unaligned(handle as *mut c_void) };
        Ok(())
    })
}

/// Frees a model; null is freed already. Calls that use it meanwhile finish first.
///
/// **Errors.** 2 for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn CVMAPIFreeModel(net: *mut c_void) -> c_int {
    call(|| match net.is_null() || handles::take(net as usize).is_some() {
        true => Ok(()),
        false => Err(REFUSED),
    })
}

/// Writes a model's answer to `output`, words little-endian.
///
/// **Errors.** 1 for an input of another length than the model's; 1 and 2 as the official CPU device.
/// Nothing is written then.
///
/// # Safety
/// `input` is null or has that many readable bytes; `output` is null or has as many writable ones as
/// `CVMAPIGetOutputLength` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CVMAPIInference(
    net: *mut c_void,
    input: *mut c_char,
    input_len: c_int,
    output: *mut c_char,
) -> c_int {
    call(|| {
        let model = model(net)?;
        if input.is_null() || output.is_null() {
            return Err(REFUSED);
        }
        if u64::try_from(input_len) != Ok(model.graph().input_length()) {
            return Err(Code(1));
        }
        // SAFETY: as the caller promises.
        let answer = model.run(unsafe { bytes(input, input_len)? })?;
        // SAFETY: as the caller promises; a guarded engine's answer has the model's output length.
        unsafe { output.cast::<u8>().copy_from(answer.as_ptr(), answer.len()) };
        Ok(())
    })
}

/// Writes the model format's version, as `cvm_1.1.0`.
///
/// # Safety
/// `version` is null or has 34 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CVMAPIGetVersion(net: *mut c_void, version: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    call(|| unsafe { put_string(version, model(net)?.graph().version().as_str()) })
}

/// Writes the name of the model's post-processing, cut to 32 characters; the function's name is the
/// official library's.
///
/// # Safety
/// `method` is null or has 34 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CVMAPIGetPreprocessMethod(net: *mut c_void, method: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    call(|| unsafe { put_string(method, model(net)?.graph().postprocess().as_str()) })
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $method:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// **Errors.** 2 for bad arguments.
        ///
        /// # Safety
        /// `value` is null or a place for a number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(net: *mut c_void, value: *mut c_ulonglong) -> c_int {
            // SAFETY: as the caller promises.
            call(|| unsafe { put_number(value, model(net)?.graph().$method()) })
        }
    )*};
}

numbers! {
    /// Writes the input's length in bytes.
    CVMAPIGetInputLength = input_length;
    /// Writes the output's length in bytes.
    CVMAPIGetOutputLength = output_length;
    /// Writes the bytes of an input element, 1 or 4.
    CVMAPIGetInputTypeSize = input_type_size;
    /// Writes the bytes of an output element, 1 or 4.
    CVMAPIGetOutputTypeSize = output_type_size;
    /// Writes the bytes of the official library's storage pool, by which a node weighs models.
    CVMAPIGetStorageSize = storage_size;
    /// Writes the operation count.
    CVMAPIGetGasFromModel = operation_count;
}

/// Writes the operation count of a symbol.
///
/// The text need not end with a zero byte: it is read to the end of its one JSON object, to the first
/// byte that cannot be part of one, or to 64 MiB, and no further.
///
/// **Errors.** 1 and 2 as the official library classes the symbol; 2 for bad arguments.
///
/// # Safety
/// `json` is null or readable up to that byte; `value` is null or a place for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CVMAPIGetGasFromGraphFile(json: *const c_char, value: *mut c_ulonglong) -> c_int {
    call(|| {
        if json.is_null() || value.is_null() {
            return Err(REFUSED);
        }
        let limits = Limits::default();
        // SAFETY: as the caller promises; the scanner stops at the byte the contract names.
        let length =
            text::object_length(limits.symbol_bytes as usize, |at| unsafe { json.cast::<u8>().add(at).read() });
        // SAFETY: these bytes were read just now.
        let symbol = unsafe { slice::from_raw_parts(json.cast::<u8>(), length) };
        let count = operation_count(symbol, &limits)?;
        // SAFETY: as the caller promises.
        unsafe { put_number(value, count) }
    })
}
