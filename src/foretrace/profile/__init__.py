"""Profiles: what calibration and tuning found, saved for one model, sampler and setting."""

from foretrace.profile.profile import Profile as Profile
