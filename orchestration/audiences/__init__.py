"""Audiences: who is drawn for a campaign, once, with a control group beside them."""
