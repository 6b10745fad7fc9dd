"""After publishing: the scores in the records of CRMs."""
