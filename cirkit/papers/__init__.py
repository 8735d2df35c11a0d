"""The five papers: experiments and claims, the only place they are declared."""
