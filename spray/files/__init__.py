"""Files that are complete or absent, whoever is killed: the one writer of lrp, spray, viewer. It loads nothing big."""

from spray.files.facts import as_json as as_json
from spray.files.facts import from_json as from_json
from spray.files.interrupts import uninterrupted as uninterrupted
from spray.files.links import ProjectError as ProjectError
from spray.files.links import Unreadable as Unreadable
from spray.files.links import refuse_links as refuse_links
from spray.files.links import remove as remove
from spray.files.links import within as within
from spray.files.locks import claim as claim
from spray.files.locks import locked as locked
from spray.files.locks import unreadable as unreadable
from spray.files.orphans import remove_orphans as remove_orphans
from spray.files.seals import DamagedFile as DamagedFile
from spray.files.seals import check_seal as check_seal
from spray.files.seals import seal as seal
from spray.files.writing import append as append
from spray.files.writing import make_folder as make_folder
from spray.files.writing import replacing as replacing
from spray.files.writing import write_bytes as write_bytes
from spray.files.writing import write_text as write_text
