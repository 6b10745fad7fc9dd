"""What people ask for about their own data, landed and carried out."""
