import argparse
import os

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--report")
folder = parser.parse_args().report

run = Run.get_context()
orders = run.input_datasets["orders"].to_pandas_dataframe()
totals = orders.groupby("customer")["amount"].sum().sort_values(ascending=False)
os.makedirs(folder, exist_ok=True)
totals.to_csv(os.path.join(folder, "totals.csv"))
run.log("orders", len(orders))
print("Since", orders["ordered"].min().date(), "the best customer is", totals.index[0])
