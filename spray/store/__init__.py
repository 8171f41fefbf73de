"""The project format."""

from spray.files import ProjectError as ProjectError
from spray.files import locked as locked
from spray.files import replacing as replacing
from spray.store.categories import Analysis as Analysis
from spray.store.categories import analyses as analyses
from spray.store.categories import category_attrs as category_attrs
from spray.store.categories import drop_category as drop_category
from spray.store.categories import open_analysis as open_analysis
from spray.store.categories import read_analysis_index as read_analysis_index
from spray.store.categories import save_analysis as save_analysis
from spray.store.categories import write_analysis_index as write_analysis_index
from spray.store.categories import write_category as write_category
from spray.store.given import read_arrays as read_arrays
from spray.store.given import write_arrays as write_arrays
from spray.store.netcdf import read_netcdf as read_netcdf
from spray.store.netcdf import write_netcdf as write_netcdf
from spray.store.project import Place as Place
from spray.store.project import open_attributions as open_attributions
from spray.store.project import parts as parts
from spray.store.project import read_index as read_index
from spray.store.project import read_project as read_project
from spray.store.project import versions as versions
from spray.store.project import write_part as write_part
from spray.store.project import write_project as write_project
