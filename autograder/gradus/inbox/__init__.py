"""What people download and type, LMS zips, folders, single files -> submissions."""
