"""Stories in motion: what must be judged and who may be due, carried by Faust. Importing this room loads no Faust."""
