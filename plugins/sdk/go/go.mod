module tollgate/handler

go 1.24
