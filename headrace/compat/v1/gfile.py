"""tf.compat.v1.gfile."""

from headrace.files.gfile import copy as Copy
from headrace.files.gfile import exists as Exists
from headrace.files.gfile import glob as Glob
from headrace.files.gfile import isdir as IsDirectory
from headrace.files.gfile import listdir as ListDirectory
from headrace.files.gfile import makedirs as MakeDirs
from headrace.files.gfile import mkdir as MkDir
from headrace.files.gfile import remove as Remove
from headrace.files.gfile import rename as Rename
from headrace.files.gfile import rmtree as DeleteRecursively
from headrace.files.gfile import stat as Stat
from headrace.files.gfile import walk as Walk
from headrace.files.handle import GFile as FastGFile
from headrace.files.handle import GFile as GFile
from headrace.files.handle import GFile as Open
