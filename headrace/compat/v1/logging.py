"""tf.compat.v1.logging."""

import logging as _logging

from headrace.core.logs import debug as debug
from headrace.core.logs import error as error
from headrace.core.logs import fatal as fatal
from headrace.core.logs import flush as flush
from headrace.core.logs import get_verbosity as get_verbosity
from headrace.core.logs import info as info
from headrace.core.logs import log as log
from headrace.core.logs import log_every_n as log_every_n
from headrace.core.logs import log_first_n as log_first_n
from headrace.core.logs import log_if as log_if
from headrace.core.logs import set_verbosity as set_verbosity
from headrace.core.logs import warning as warn
from headrace.core.logs import warning as warning

DEBUG, INFO, WARN, ERROR, FATAL = _logging.DEBUG, _logging.INFO, _logging.WARNING, _logging.ERROR, _logging.CRITICAL
