"""The project format: the one owner of where things lie and how they are read.

project/
  project.json                    what was attributed, with what
  attributions/part-00000.nc      complete or absent; any number of writers, one part each
  attributions/index.nc           every per-sample number, with the part and row of each sample
  analyses/<name>/<category>.nc   one file a category
  analyses/<name>/index.nc        one row a category: the scalar attributes of its file
"""

from spray.files import ProjectError as ProjectError
from spray.files import Unreadable as Unreadable
from spray.files import locked as locked
from spray.files import replacing as replacing
from spray.store.categories import Analysis as Analysis
from spray.store.categories import category_attrs as category_attrs
from spray.store.categories import drop_category as drop_category
from spray.store.categories import open_analysis as open_analysis
from spray.store.categories import save_analysis as save_analysis
from spray.store.categories import write_category as write_category
from spray.store.complete import Missing as Missing
from spray.store.complete import expected_number as expected_number
from spray.store.complete import expected_samples as expected_samples
from spray.store.complete import missing as missing
from spray.store.facts import Place as Place
from spray.store.facts import add_facts as add_facts
from spray.store.facts import read_project as read_project
from spray.store.facts import versions as versions
from spray.store.facts import write_project as write_project
from spray.store.given import read_arrays as read_arrays
from spray.store.given import write_arrays as write_arrays
from spray.store.index import open_attributions as open_attributions
from spray.store.index import read_index as read_index
from spray.store.names import analyses as analyses
from spray.store.netcdf import read_netcdf as read_netcdf
from spray.store.netcdf import write_netcdf as write_netcdf
from spray.store.parts import parts as parts
from spray.store.parts import write_part as write_part
from spray.store.summary import read_analysis_index as read_analysis_index
from spray.store.summary import write_analysis_index as write_analysis_index
