"""What happens in a call: dependencies are filled in, proxies call other agents."""
