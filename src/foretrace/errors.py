"""Every error of foretrace, in one tree; each message says what it got, what it expected and what to do.

ForetraceError
├── InvalidSetting (ValueError)     a setting out of range, or one that the recipe does not have
├── UnknownMethod (LookupError)     no recipe of that name
├── UnknownReference (LookupError)  no reference model of that name, or its files are missing
├── UnsupportedTarget (TypeError)   the target is neither a pipeline nor a denoiser
├── UnsupportedModel (TypeError)    the denoiser has no sites for the granularity asked for
├── AttachError (RuntimeError)      attached twice, detached twice, or two threads on one denoiser
├── ClockError (RuntimeError)       the time or the number of steps of a call cannot be read
├── ShapeChanged (RuntimeError)     tensors changed shape, or blocks changed number, inside a run
├── ProfileError (ValueError)       a profile file is no profile, or of another version
├── ProfileMismatch (ValueError)    a profile was made for another model, sampler or setting
├── NoGain (RuntimeError)           a calibration did not help on held-out samples
├── NonFinite (ArithmeticError)     a feature holds NaN or inf, and the method stops there
└── LoadError (OSError)             a model folder is missing, truncated or no pipeline
"""


class ForetraceError(Exception):
    """Base class of every error that foretrace raises on purpose."""


class InvalidSetting(ForetraceError, ValueError):
    """A setting is out of range, has the wrong type, or does not exist."""


class UnknownMethod(ForetraceError, LookupError):
    """No recipe of that name exists under ``foretrace/methods``."""


class UnknownReference(ForetraceError, LookupError):
    """No reference model of that name exists, or its files are missing."""


class UnsupportedTarget(ForetraceError, TypeError):
    """The target is neither a diffusers pipeline nor a denoiser module."""


class UnsupportedModel(ForetraceError, TypeError):
    """The denoiser has no sites for the granularity asked for."""


class AttachError(ForetraceError, RuntimeError):
    """A denoiser is attached twice, a handle is detached twice, or two threads use one denoiser."""


class ClockError(ForetraceError, RuntimeError):
    """The time of a call, or the number of steps of a run, cannot be read."""


class ShapeChanged(ForetraceError, RuntimeError):
    """A tensor changed its shape, or the blocks their number, inside one run."""


class ProfileError(ForetraceError, ValueError):
    """A file holds no profile, or one that this version cannot read or write."""


class ProfileMismatch(ForetraceError, ValueError):
    """A profile was made for another model, sampler or setting than it is used on."""


class NoGain(ForetraceError, RuntimeError):
    """A calibration or a search found nothing that helps on held-out samples."""


class NonFinite(ForetraceError, ArithmeticError):
    """A feature holds NaN or inf, and the method asks to stop there; or the weights of a forecast do."""


class LoadError(ForetraceError, OSError):
    """A model folder is missing, truncated, or holds no pipeline."""
